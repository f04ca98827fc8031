"""How lmms-eval reads answers, each rule as its tasks apply it: reasoning away first, then the benchmark's own rule.

Version and words are in `data/peer_rules.toml`. Nothing is asked of a model and nothing drawn at random: of MMBench it
is the static task (`mmbench_en_dev_static`), and where MMMU's rule would draw a letter there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from passerelle.evaluation.parsing import published
from passerelle.evaluation.parsing.peers import LMMS_EVAL, peer
from passerelle.evaluation.parsing.published import LETTERS, Said

_MMBENCH, _MMBENCH_ALONE = LETTERS[:4], LETTERS[:5]
_LETTER_FIRST = re.compile(r"\s*([A-Z])\.")
_STRIPPED = ",.!?;:'\""
_START, _END, _PHRASE, _SPACE, _ANYWHERE = 10, 9, 7, 2, 0
_MARKED = (("({})", 6), ("{}.", 5), ("{}:", 4), ("{})", 3), ("{} ", _SPACE))
"""How a letter may be written, and how certain it is then that it is the answer."""


def said(answer: str) -> str:
    """Return what is read of an answer: all but blocks of reasoning and blanks around.

    Of a block without an end everything is read; of one without a beginning what stands behind its end.
    """
    for start, end in peer(LMMS_EVAL)["reasoning"]:
        while start in answer and (behind := answer.find(end, answer.find(start))) >= 0:
            answer = answer[: answer.find(start)] + answer[behind + len(end) :]
        if start not in answer:
            answer = answer.rpartition(end)[2]
    return answer.strip()


def mmbench_option(answer: str, options: Sequence[str]) -> int | None:
    """Find the option as MMBench's static task does: a letter alone, an option's text, then the likeliest letter.

    Its data write ``nan`` for an option that isn't there, so that an answer with these letters in it ("banana") names
    such options too.
    """
    answer = said(answer)
    letter = published.letter_alone(answer, _MMBENCH_ALONE) or _by_text(answer, options) or _likeliest(answer)
    return published.within(LETTERS.find(letter), options) if letter else None


def mmbench_guesses(answer: str, options: Sequence[str]) -> bool:
    """Whether MMBench's static task takes a letter of the answer that neither stands alone nor is an option's text."""
    answer = said(answer)
    return not (published.letter_alone(answer, _MMBENCH_ALONE) or _by_text(answer, options))


def _by_text(answer: str, options: Sequence[str]) -> str:
    missing, lower = peer(LMMS_EVAL)["missing_option"], answer.lower()
    texts = [*options, *[""] * len(_MMBENCH)][: len(_MMBENCH)]
    held = [letter for letter, text in zip(_MMBENCH, texts, strict=True) if (text or missing).lower() in lower]
    return held[0] if len(held) == 1 else ""


def _likeliest(answer: str) -> str:
    """Return the letter that is the answer most certainly by how it is written, of several the last; empty for none."""
    for mark in _STRIPPED:
        answer = answer.strip(mark)
    padded, bare = f" {answer} ", answer.strip()
    if not bare:
        return ""
    found = [(sure, padded.rfind(mark.format(c)), c) for mark, sure in _MARKED for c in _MMBENCH]
    found += [(_PHRASE, place, c) for place, c in _behind_phrases(padded)]
    found += [(_START, 0, c) for c in _MMBENCH if bare.startswith(c) and not bare[1:2].isalpha()]
    found += [(_END, len(padded) - 1, c) for c in _MMBENCH if bare.endswith(c) and not bare[-2:-1].isalpha()]
    found = [each for each in found if each[1] >= 0]
    found = found or [(_ANYWHERE, padded.rfind(c), c) for c in _MMBENCH if c in padded]
    return max(found, key=lambda each: each[:2], default=(0, 0, ""))[2]


def _behind_phrases(text: str) -> list[tuple[int, str]]:
    lower, found = text.lower(), []
    for phrase in peer(LMMS_EVAL)["phrases"]:
        if (place := lower.find(phrase)) >= 0:
            found += [(text.find(c, place + len(phrase)), c) for c in _MMBENCH]
    return found


def scienceqa_option(answer: str, options: Sequence[str]) -> int | None:
    """Find the option as ScienceQA's task does: a bare letter, or ``A.`` at the beginning."""
    return published.scienceqa_option(said(answer), options)


def mmmu_option(answer: str, options: Sequence[str]) -> int | None:
    """Find the option as MMMU's task does; none where it would draw one."""
    return published.mmmu_option(said(answer), options)


def ai2d_option(answer: str, options: Sequence[str]) -> int | None:
    """Find the option as AI2D's task does: ``A.`` at the beginning, before reasoning is away, or only the letter."""
    match = _LETTER_FIRST.match(answer)
    letter = published.without_punctuation(match[1] if match else said(answer))
    return published.within(LETTERS.find(letter.upper()), options) if len(letter) == 1 else None


def mmmu_open(answer: str, references: Sequence[str]) -> bool:
    """Judge an open answer as MMMU's task does."""
    return published.mmmu_open(said(answer), references)


def pope_said(answer: str) -> Said | None:
    """Read yes or no as POPE's task does: the whole answer has to be the word."""
    word = said(answer).lower()
    return "yes" if word == "yes" else "no" if word == "no" else None


def mme_said(answer: str) -> Said | None:
    """Read yes or no as MME's task does: the whole answer, one letter, or within the first four letters."""
    return published.mme_said(said(answer))


def vqa_words(text: str) -> str:
    """Normalise an answer as VQAv2's task does."""
    return published.vqa_words(said(text))


def gqa_words(text: str) -> str:
    """Normalise an answer as GQA's task does: case and ASCII punctuation away.

    Its array of numpy has room for as many letters as before: "İa" and "İb" are the same, for İ becomes two.
    """
    text = said(text)
    return published.without_punctuation(text.lower()[: len(text)])
