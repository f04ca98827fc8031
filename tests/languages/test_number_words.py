"""Numbers in words as CLDR spells them (ICU 72.1, `SPELLOUT`, Unicode-3.0 licence): each is read as its digits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from passerelle.evaluation.parsing.localised import same_answer

SPELLED: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "numbers.json").read_text(encoding="utf-8"))
UNREAD = {
    "ko": {"2": "also means 'this'", "702": "the same"},
    "sw": {"12345": "a comma parts thousands from hundreds", "100000": "the factor follows"},
}
"""Numbers that aren't read in words, and why."""
TAKEN = {"sw": [("1234", "1000")]}
"""Numbers that are taken for another: "a thousand, two hundred …" reads as a thing and its parts."""


@pytest.mark.parametrize("language", SPELLED)
def test_numbers_in_words_are_read(language: str) -> None:
    unread = {digits for digits, words in SPELLED[language].items() if not same_answer(words, digits, language)}
    assert unread == set(UNREAD.get(language, ())), language


@pytest.mark.parametrize("language", SPELLED)
def test_numbers_in_words_are_not_one_another(language: str) -> None:
    numbers = SPELLED[language]
    taken = [(a, b) for a, words in numbers.items() for b in numbers if a != b and same_answer(words, b, language)]
    assert taken == TAKEN.get(language, [])
