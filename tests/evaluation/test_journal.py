"""The journal keeps answers by all that determines them, and survives whatever stops a run."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest

from passerelle.errors import StorageError
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


def test_a_key_is_as_long_as_those_that_are_on_disks() -> None:
    assert len(key_of(ASKED, "model", 10)) == 24


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
    odd = replace(kept(1), seconds=1 / 3, flops=1 / 7, written_bytes=4096 / 3)
    path = tmp_path / "new" / "deep" / "a.jsonl"
    journal = Journal(path)
    (stored,) = journal.add(["k"], [odd])
    assert (stored.seconds, stored.flops, stored.answer) == (0.333333, 0.143, odd.answer)
    assert stored.written_bytes == 1365.333
    (untold,) = journal.add(["untold"], [replace(odd, written_bytes=None)])
    assert Journal(path).get("k") == journal.get("k") == stored
    assert Journal(path).get("untold") == untold and untold.written_bytes is None
    bare = {"key": "old", "question": "1", "text": "Oui", "logprobs": [], "priors": [], "tokens": [], "seconds": 2}
    with path.open("a", encoding="utf-8") as file:  # as they were written before costs were kept
        file.write(json.dumps(bare) + "\n" + json.dumps({**bare, "key": "part", "cost": {"flops": 3}}) + "\n")
    again = Journal(path)
    old = Kept(Answer("1", "Oui"), 2.0, is_measured=False, written_bytes=None)
    assert again.get("old") == old and again.get("part") == replace(old, flops=3.0)
    assert Journal(tmp_path / "none.jsonl").get("k") is None


def test_a_whole_journal_is_only_read_and_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    path = tmp_path / "a.jsonl"
    filled(path, 1)
    monkeypatch.setattr("os.truncate", full)
    assert known(path) == [1]
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match=r"the disk is full.*a\.jsonl"):
        filled(path, 2)
