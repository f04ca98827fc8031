"""The repetition check: loops counted by hand."""

from __future__ import annotations

import pytest

from passerelle.quality.base import Check, Pair
from passerelle.quality.checks.repetition import RepetitionCheck, looped


@pytest.mark.parametrize(
    ("words", "count", "loop"),
    [
        ("le chat", 0, []),
        ("le le le", 2, ["le"]),
        ("chat chat", 1, ["chat"]),
        ("un chat un chat un chat", 4, ["un", "chat"]),
        ("a b c a b c", 3, ["a", "b", "c"]),
        ("a b a", 0, []),
        ("", 0, []),
    ],
)
def test_loops(words: str, count: int, loop: list[str]) -> None:
    assert looped(words.split()) == (count, loop)


def test_loops_that_the_source_has_not() -> None:
    said, copied, source_has, clean, blank = RepetitionCheck().assess(
        [
            Pair("The cat.", "Le le chat."),
            Pair("A cat.", "un chat un chat un chat un chat"),
            Pair("Tap. Tap. Tap.", "Tac. Tac. Tac."),
            Pair("You wash.", "Vous vous lavez."),
            Pair("A cat.", "..."),
        ]
    )
    assert said.score == pytest.approx(0.5 - 1 / 3) and said.error == "added" and "'le'" in said.reason
    assert copied.score == 0.0
    assert source_has.score == clean.score == 1.0 and not source_has.reason
    assert not blank.is_known


def test_it_is_a_check() -> None:
    assert isinstance(RepetitionCheck(), Check)
