"""What a model is really asked: each different text once, without the blanks around it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from passerelle.runs import file_hash

_log = logging.getLogger(__name__)

# Texts of one batch have about the same length, so that little of it is padding.
_LENGTHS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
# Files of a model folder that its answers depend on.
_MODEL_FILES = {".bin", ".jinja", ".json", ".model", ".safetensors", ".spm", ".txt", ".vocab", ".yml"}
_DIGEST_LETTERS = 12


def translate_inner(texts: Sequence[str], ask: Callable[[list[str]], list[str]]) -> list[str]:
    """Ask for each different text once; blanks around a text stay as they are.

    An empty answer says that a text couldn't be translated. It comes back empty, blanks and all, so that
    nobody takes it for a translation. So do texts that aren't valid Unicode: no model can be asked for them.

    Args:
        texts: Any texts.
        ask: Translates different texts that have no blanks around them.

    Returns:
        One translation for each text, in order.
    """
    wanted = [text for text in dict.fromkeys(text.strip() for text in texts) if text and _is_unicode(text)]
    answers = dict(zip(wanted, ask(wanted), strict=True)) if wanted else {}
    return [_put_back(text, answers) for text in texts]


def _put_back(text: str, answers: dict[str, str]) -> str:
    inner = text.strip()
    if not inner:
        return text
    before, _, after = text.partition(inner)
    answer = answers.get(inner, "").strip()
    return before + answer + after if answer else ""


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def answer_limit(tokens: int) -> int:
    """Return how many tokens the translation of a text may have: about twice as many, and a few.

    It depends on the text's own length only, never on the other texts of its batch.
    """
    return 2 * _rounded(tokens) + 8


def _rounded(tokens: int) -> int:
    return next((length for length in _LENGTHS if tokens <= length), tokens)


def _length_batches(lengths: Sequence[int], most_tokens: int, around: int) -> Iterator[tuple[list[int], int]]:
    """Divide texts into batches of about one length, short ones first.

    Args:
        lengths: Tokens of each text.
        most_tokens: Most tokens of a batch, padding included; a text that is longer is a batch of its own.
        around: Tokens that each text stands in.

    Yields:
        Positions of the batch's texts, and the most tokens that their translations may have.
    """
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        size = _rounded(lengths[position])
        if batch and (size != _rounded(lengths[batch[0]]) or (len(batch) + 1) * (size + around) > most_tokens):
            yield batch, answer_limit(lengths[batch[0]])
            batch = []
        batch.append(position)
    if batch:
        yield batch, answer_limit(lengths[batch[0]])


def answer_by_length(
    lengths: Sequence[int],
    longest: int,
    most_tokens: int,
    decode: Callable[[list[int], int], list[str]],
    around: int = 0,
) -> list[str]:
    """Translate texts in batches of about one length.

    Args:
        lengths: Tokens of each text.
        longest: Most tokens that the model takes at once.
        most_tokens: Most tokens of a batch, padding included.
        decode: Translates the texts at some positions, with at most so many tokens each.
        around: Tokens that each text stands in: those of a prompt.

    Returns:
        One translation for each text, in order; empty for those that are too long.
    """
    answers = [""] * len(lengths)
    taken = _short_enough(lengths, longest)
    for batch, limit in _length_batches([lengths[position] for position in taken], most_tokens, around):
        positions = [taken[place] for place in batch]
        for position, answer in zip(positions, decode(positions, min(limit, longest - 1)), strict=True):
            answers[position] = answer
    return answers


def _short_enough(lengths: Sequence[int], longest: int) -> list[int]:
    """Return the positions of the texts that a model can take; those that are too long are logged.

    A model would cut them off without a word; they are better left untranslated.
    """
    taken = [position for position, length in enumerate(lengths) if length <= longest]
    if len(taken) < len(lengths):
        _log.warning(
            "%d of %d texts are longer than the model's %d tokens and are left untranslated",
            len(lengths) - len(taken),
            len(lengths),
            longest,
        )
    return taken


def model_digest(folder: Path) -> str:
    """Return a digest of all files of a model folder that its translations depend on, 12 letters."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _MODEL_FILES and path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()} {file_hash(path)}\n".encode())
    return digest.hexdigest()[:_DIGEST_LETTERS]
