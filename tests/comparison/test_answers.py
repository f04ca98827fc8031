"""Answers on disk: no finished question is asked again, no torn line is believed."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from passerelle.compare import answers as module
from passerelle.compare.answers import answer_all, chunks
from passerelle.costs.ledger import FlopMeter, Phase
from passerelle.errors import StorageError
from passerelle.records import Answer, Question


def questions(pictures: int = 100) -> list[Question]:
    return [
        Question(f"p{picture}#{kind}", "caption", f"p{picture}", "stamps", "fr", "human-translation", "Quoi ?")
        for kind in ("a", "b")
        for picture in range(pictures)
    ]


class Counting:
    """Answers by the question's id; counts what it was asked, and may be killed."""

    def __init__(self, killed_at: int | None = None) -> None:
        self.meter = FlopMeter()
        self.asked: list[str] = []
        self.recalled: list[tuple[str, str]] = []
        self.killed_at = killed_at
        self.calls = 0

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        self.calls += 1
        if self.calls == self.killed_at:
            raise KeyboardInterrupt
        self.asked += [q.id for q in questions]
        self.meter.run(len(questions), lambda: None)
        return [Answer(q.id, text=f"« {q.id} »", logprobs=(-1.5, -2.0), priors=(), tokens=(3, 4)) for q in questions]

    def recall(self, questions: Sequence[Question], answers: Sequence[Answer]) -> None:
        self.recalled += [(q.id, a.question) for q, a in zip(questions, answers, strict=True)]


def ask(answerer: Counting, path: Path, asked: Sequence[Question], **more: Any) -> tuple[dict[str, Answer], Phase]:
    phase = Phase("answers")
    return answer_all(answerer, asked, path, phase, answerer.meter, **more), phase


def test_chunks_hold_whole_pictures() -> None:
    asked = questions()
    parts = chunks(asked)
    assert [len({q.picture for q in part}) for part in parts] == [48, 48, 4]
    assert sorted(q.id for part in parts for q in part) == sorted(q.id for q in asked)
    places = [{q.picture for q in part} for part in parts]
    assert not places[0] & places[1] and not places[1] & places[2]
    assert chunks(asked) == parts
    assert chunks([]) == []


def test_all_are_answered_once(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    asked, path = questions(), tmp_path / "arm" / "answers.jsonl"
    told: list[tuple[int, int]] = []
    answers, phase = ask(first, path, asked, watch=lambda *step: told.append(step))
    assert answers.keys() == {q.id for q in asked}
    assert sorted(first.asked) == sorted(answers)
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert phase.tokens == 200
    again, read = ask(second, path, asked)
    assert again == answers
    assert second.asked == []
    assert [one for one, other in second.recalled if one == other] == first.asked
    assert read.to_dict() == phase.to_dict()


@pytest.mark.parametrize("killed_at", [1, 2, 3])
def test_a_killed_run_goes_on(tmp_path: Path, killed_at: int) -> None:
    asked, path = questions(), tmp_path / "answers.jsonl"
    with pytest.raises(KeyboardInterrupt):
        ask(Counting(killed_at), path, asked)
    second = Counting()
    answers, _ = ask(second, path, asked)
    assert answers == ask(Counting(), tmp_path / "whole.jsonl", asked)[0]
    assert second.calls == 4 - killed_at


@pytest.mark.parametrize(
    ("damage", "whole"),
    [
        (lambda lines: b"".join(lines)[:-1], 2),
        (lambda lines: b"".join(lines)[:-40], 2),
        (lambda lines: b"".join(lines) + b'{"answers": [', 3),
        (lambda lines: b"".join([lines[0], lines[1][:90]]), 1),
        (lambda lines: b"".join([lines[0], b"null\n", lines[2]]), 1),
        (lambda lines: b"".join([lines[0], b"[]\n"]), 1),
        (lambda lines: b"".join([b"\0" * 50 + b"\n", *lines]), 0),
        (lambda lines: b"\xff\xfe" * 30, 0),
        (lambda lines: b"", 0),
    ],
)
def test_a_torn_file_is_cut_and_asked_again(tmp_path: Path, damage: Any, whole: int) -> None:
    asked, path = questions(), tmp_path / "answers.jsonl"
    before, _ = ask(Counting(), path, asked)
    good = path.read_bytes()
    path.write_bytes(damage(good.splitlines(keepends=True)))
    second = Counting()
    answers, _ = ask(second, path, asked)
    assert answers == before
    assert second.calls == 3 - whole
    lines = [json.loads(line)["answers"] for line in path.read_bytes().splitlines()]
    assert lines == [json.loads(line)["answers"] for line in good.splitlines()], "the file is whole again"


def test_answers_keep_their_types(tmp_path: Path) -> None:
    asked, path = questions(1), tmp_path / "answers.jsonl"
    for _ in range(2):
        answer = ask(Counting(), path, asked)[0]["p0#a"]
        assert answer == Answer("p0#a", "« p0#a »", (-1.5, -2.0), (), (3, 4))


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    asked, path = questions(), tmp_path / "answers.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fsync", full)
        with pytest.raises(StorageError, match="the disk is full"):
            ask(Counting(), path, asked)
    assert len(ask(Counting(), path, asked)[0]) == 200
