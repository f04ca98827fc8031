"""How answers are read in their own language: yes and no, the letter of an option, an open answer's words.

What a language's words are is in its file (`languages/knowledge.py`); the rules are the same for all. An answer in
English is read too: whether the model answered in the language asked for is another metric, `fidelity`. Nothing is
guessed: what can't be told is unmatched.
"""

from __future__ import annotations

from passerelle.evaluation.parsing.open_answers import answer_words, same_answer
from passerelle.evaluation.parsing.options import option_of
from passerelle.evaluation.parsing.polarity import yes_or_no
from passerelle.evaluation.parsing.words import is_read, words_of_language
from passerelle.languages.knowledge import own_digest

VERSION = "4"
"""Raised whenever the same answer would be read differently."""

__all__ = [
    "VERSION",
    "answer_words",
    "is_read",
    "option_of",
    "reader_of",
    "same_answer",
    "words_of_language",
    "yes_or_no",
]


def reader_of(language: str) -> str:
    """Name the reader of a language, for signatures: its version, and what one's own file changes of it."""
    own = own_digest(language)
    letters = "" if is_read(language) else "-letters"
    return "-".join([f"localised-{language}", VERSION, *([own] if own else [])]) + letters
