"""The structure check: parts, sentences, blanks."""

from __future__ import annotations

import pytest

from passerelle.quality.base import Check, Pair
from passerelle.quality.checks.structure import StructureCheck


@pytest.mark.parametrize(
    ("source", "target", "score", "error"),
    [
        ("A cat.", "Un chat.", 1.0, None),
        ("<image>\nWhat is it?", "<image>\nQu'est-ce ?", 1.0, None),
        ("<image>\nWhat is it?", "Qu'est-ce ?", 0.0, "structure"),
        ("A box <box>10, 20</box> here.", "Une boîte <box>10, 21</box> ici.", 0.0, "structure"),
        ("500 yen.", "50 yens.", 0.0, "structure"),
        ("A cat. It sleeps. It eats.", "Un chat.", 0.4, "dropped"),
        ("A cat. It sleeps.", "Un chat.", 0.4, "dropped"),
        ("A cat.", "Un chat. Il dort.", 0.4, "added"),
        ("A cat.", " ", 0.0, "dropped"),
        ("", "", 1.0, None),
        ("| a dog | red |\n|---|---|", "| un chien | rouge |\n|---|---|", 1.0, None),
        ("| a dog | red |\n|---|---|", "| un chien rouge |\n|---|---|", 0.0, "structure"),
        ("<td>dog</td><td>cat</td>", "<td>chien chat</td>", 0.0, "structure"),
        ('{"gender": "male"}', '{"gender": "homme"}', 1.0, None),
        ('{"gender": "male"}', '{"genre": "homme"}', 0.0, "structure"),
    ],
)
def test_pairs(source: str, target: str, score: float, error: str | None) -> None:
    (finding,) = StructureCheck().assess([Pair(source, target)])
    assert (finding.score, finding.error) == (score, error)
    assert bool(finding.reason) == (score < 1)


def test_the_reason_names_the_part() -> None:
    (finding,) = StructureCheck().assess([Pair("500 yen.", "50 yens.")])
    assert "500" in finding.reason
    assert finding.values["violations"] == 2  # 500 is lost and 50 is new


def test_it_is_a_check() -> None:
    assert isinstance(StructureCheck(), Check)
