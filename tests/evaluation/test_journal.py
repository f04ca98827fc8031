"""The journal keeps answers by all that determines them, and survives whatever stops a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from passerelle.evaluation.asking.journal import Journal, Kept, key_of
from passerelle.records import Answer, Question

ASKED = Question("1", "open", "a", "pope", "fr", "native", "Qu'est-ce que c'est ?", ("Oui", "Non"))


def test_all_that_determines_an_answer_is_in_its_key() -> None:
    keys = [key_of(ASKED, "model", 10), key_of(ASKED, "other", 10), key_of(ASKED, "model", 11)]
    changes = {"kind": "choice", "prompt": "Et ça ?", "options": ("Oui", "Si"), "picture": "b"}
    keys += [key_of(replace(ASKED, **{name: value}), "model", 10) for name, value in changes.items()]
    assert len(set(keys)) == len(keys)
    same = replace(ASKED, id="2", source="gqa", correct=1, reference="Oui")
    assert key_of(same, "model", 10) == keys[0], "what it is called and what is right doesn't change an answer"


def kept(number: int) -> Kept:
    answer = Answer(str(number), f"Non\u2028 {number}", (-0.5,), (-1.25,), (3,))
    return Kept(answer, number / 2, flops=1e9, tokens=5, sentences=2)


def filled(path: Path, *numbers: int) -> Journal:
    journal = Journal(path)
    for number in numbers:
        journal.add([f"k{number}"], [kept(number)])
    return journal


def known(path: Path) -> list[int]:
    journal = Journal(path)
    found = [number for number in range(10) if journal.get(f"k{number}")]
    assert all(journal.get(f"k{number}") == kept(number) for number in found)
    return found


@pytest.mark.parametrize("torn", [1, 20, -1])
def test_a_torn_last_line_is_cut_off_and_what_follows_is_whole(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "deep" / "a.jsonl"
    filled(path, 1, 2)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:torn])  # without its line's end alone it may still be JSON
    assert known(path) == [1]
    assert path.read_bytes() == lines[0]
    filled(path, 3, 4)
    assert known(path) == [1, 3, 4]


@pytest.mark.parametrize(
    "broken", [b"{}\n", b"nothing\n", b"[1]\n", b"\xff\n", b'{"key": 1, "question": "1"}\n', b"\n"]
)
def test_a_damaged_line_costs_its_own_answer_only(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "a.jsonl"
    filled(path, 1, 2, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + broken + lines[2])
    assert known(path) == [1, 3]
    filled(path, 2)
    assert known(path) == [1, 2, 3]


def test_an_answer_is_what_another_run_reads(tmp_path: Path) -> None:
    odd = replace(kept(1), seconds=1 / 3, flops=1 / 7)
    (stored,) = Journal(tmp_path / "a.jsonl").add(["k"], [odd])
    assert Journal(tmp_path / "a.jsonl").get("k") == stored
    assert Journal(tmp_path / "none.jsonl").get("k") is None
