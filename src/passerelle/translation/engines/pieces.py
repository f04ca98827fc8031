"""Texts cut into a model's tokens and put together again, by the tokenizer files that lie in its folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from passerelle.errors import InputError, MissingDependency, to_install

# For both languages, or for the source; as Argos, NLLB, MADLAD, M2M and others name them.
_SENTENCEPIECE = ("source.spm", "sentencepiece.bpe.model", "sentencepiece.model", "spiece.model", "spm.model")
_SPECIAL = {"<s>", "</s>", "<pad>", "<unk>"}


class Pieces(Protocol):
    """Cuts texts into tokens and puts tokens together."""

    def cut(self, text: str) -> list[str]:
        """Cut a source text into tokens, without any that mark its beginning, its end or its language."""
        ...

    def join(self, tokens: Sequence[str]) -> str:
        """Put the tokens of a translation together; special ones are left out."""
        ...


def open_pieces(folder: Path, source: str, setup: str) -> Pieces:
    """Open the tokenizer of a model.

    Args:
        folder: The model's folder. ``tokenizer.json`` is taken first, then SentencePiece's files.
        source: BCP-47 code of the source language.
        setup: The target of `passerelle setup` that installs what is missing, for messages.

    Raises:
        InputError: There is none.
        MissingDependency: sentencepiece or sacremoses is needed and isn't installed.
    """
    if (folder / "tokenizer.json").is_file():
        return _JsonPieces(folder / "tokenizer.json")
    models = [folder / name for name in _SENTENCEPIECE if (folder / name).is_file()]
    if not models:
        raise InputError(
            f"no tokenizer in {str(folder)!r}. Copy one there from the model that was converted: tokenizer.json, "
            f"or one of {', '.join(_SENTENCEPIECE)} (OPUS-MT: source.spm and target.spm)."
        )
    target = folder / "target.spm"
    try:
        # OPUS-MT's models learnt from texts whose quotes and dashes were made plain.
        normalise = _moses(source) if target.is_file() else None
        return _SentencePieces(models[0], target if target.is_file() else models[0], normalise)
    except ImportError as missing:
        raise MissingDependency(f"{missing.name} isn't installed. Install it with: {to_install(setup)}") from missing


class _JsonPieces:
    """By `tokenizer.json`, the file of the library tokenizers."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(path))

    def cut(self, text: str) -> list[str]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).tokens)

    def join(self, tokens: Sequence[str]) -> str:
        ids = [self._tokenizer.token_to_id(token) for token in tokens if token not in _SPECIAL]
        return str(self._tokenizer.decode([number for number in ids if number is not None]))


class _SentencePieces:
    """By SentencePiece, with one model for each language or one for both."""

    def __init__(self, source: Path, target: Path, normalise: Callable[[str], str] | None) -> None:
        from sentencepiece import SentencePieceProcessor

        self._source: Any = SentencePieceProcessor(model_file=str(source))
        self._target: Any = SentencePieceProcessor(model_file=str(target))
        self._normalise = normalise

    def cut(self, text: str) -> list[str]:
        return list(self._source.encode(self._normalise(text) if self._normalise else text, out_type=str))

    def join(self, tokens: Sequence[str]) -> str:
        return str(self._target.decode([token for token in tokens if token not in _SPECIAL]))


def _moses(source: str) -> Callable[[str], str]:
    from sacremoses import MosesPunctNormalizer

    normalise: Callable[[str], str] = MosesPunctNormalizer(source).normalize
    return normalise
