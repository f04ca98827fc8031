"""How answers are read in their own language: yes and no, the letter of an option, an open answer's words.

What a language's words are is in its file (`languages/knowledge.py`); the rules are the same for all. An answer in
English is read too: whether the model answered in the language asked for is another metric, `fidelity`. Nothing is
guessed: what can't be told is unmatched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import _lru_cache_wrapper, lru_cache
from typing import TypeVar

from passerelle.evaluation.parsing import open_answers, polarity
from passerelle.evaluation.parsing import options as by_option
from passerelle.evaluation.parsing.open_answers import answer_words
from passerelle.evaluation.parsing.plain_rules import plain_option, plain_same, plain_yes_or_no, why_unread
from passerelle.evaluation.parsing.published import Said
from passerelle.evaluation.parsing.words import is_read, words_of_language
from passerelle.languages.knowledge import own_codes, own_digest

VERSION = "5"
"""Raised whenever the same answer would be read differently."""

__all__ = [
    "VERSION",
    "answer_words",
    "is_read",
    "option_of",
    "reader_of",
    "same_answer",
    "why_unread",
    "words_of_language",
    "yes_or_no",
]


T = TypeVar("T")
_REMEMBERED = 1 << 15


def yes_or_no(answer: str, language: str, question: str = "") -> Said | None:
    """Read a yes or a no: see `polarity.yes_or_no`; what only MME's rule reads is taken where that is safe."""
    return _reader(_yes_or_no)(answer, language, question)


def option_of(answer: str, options: Sequence[str], language: str) -> int | None:
    """Find the option that is named: see `options.option_of`; what only MMBench's rule reads is taken where safe."""
    return _reader(_option_of)(answer, tuple(options), language)


def same_answer(answer: str, reference: str, language: str, question: str = "") -> bool:
    """Whether two answers are the same: see `open_answers.same_answer`; in English by VQA's rule, too."""
    return _reader(_same_answer)(answer, reference, language, question)


def _reader(read: _lru_cache_wrapper[T]) -> Callable[..., T]:
    """Return what remembers what it read, for comparisons ask again; files of one's own, which come and go, don't."""
    return read.__wrapped__ if own_codes() else read


@lru_cache(maxsize=_REMEMBERED)
def _yes_or_no(answer: str, language: str, question: str) -> Said | None:
    said = polarity.yes_or_no(answer, language, question)
    return said if said is not None else plain_yes_or_no(answer, language)


@lru_cache(maxsize=_REMEMBERED)
def _option_of(answer: str, options: tuple[str, ...], language: str) -> int | None:
    place = by_option.option_of(answer, options, language)
    return place if place is not None else plain_option(answer, options, language)


@lru_cache(maxsize=_REMEMBERED)
def _same_answer(answer: str, reference: str, language: str, question: str) -> bool:
    return open_answers.same_answer(answer, reference, language, question) or plain_same(answer, reference, language)


def reader_of(language: str) -> str:
    """Name the reader of a language, for signatures: its version, and what one's own file changes of it."""
    own = own_digest(language)
    letters = "" if is_read(language) else "-letters"
    return "-".join([f"localised-{language}", VERSION, *([own] if own else [])]) + letters
