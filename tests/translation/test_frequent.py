"""What stands in most rows is known, however many different lines there are."""

from __future__ import annotations

import pytest

from passerelle.translation.dataset import frequent
from passerelle.translation.dataset.frequent import FrequentLines


def test_lines_are_counted_and_the_most_frequent_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frequent, "_MOST_KEPT", 20)
    first, second = FrequentLines(), FrequentLines()
    for number in range(300):
        lines = first if number % 2 else second
        lines.add(f"<image>\nDescribe it.\nA dog {number}.", f"<image>\nDécrivez.\nUn chien {number}.")
    first.add("A cat.\nA cat.", "Un chat.\nUn chat.")
    first.update(second)
    assert [tuple(line) for line in first.most()] == [("Describe it.", "Décrivez.", 300), ("A cat.", "Un chat.", 2)]
    assert len(first.lines) <= 20
