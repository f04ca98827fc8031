"""Answers on disk: written chunk by chunk, so that a finished question is never asked again."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from passerelle.costs.ledger import FlopMeter, Phase, measured
from passerelle.evaluation.asking.answering import Answerer, group_by_picture
from passerelle.records import Answer, Question
from passerelle.runs import storage

PICTURES_PER_CHUNK = 48


def chunks(questions: Sequence[Question]) -> list[list[Question]]:
    """Divide questions into chunks of whole pictures, the same whatever was answered before."""
    pictures = list(group_by_picture(questions).values())
    return [
        [question for asked in pictures[start : start + PICTURES_PER_CHUNK] for question in asked]
        for start in range(0, len(pictures), PICTURES_PER_CHUNK)
    ]


def answer_all(
    answerer: Answerer,
    questions: Sequence[Question],
    path: Path,
    phase: Phase,
    meter: FlopMeter,
    *,
    charge: Callable[[Phase], None] | None = None,
    watch: Callable[[int, int], None] | None = None,
) -> dict[str, Answer]:
    """Answer questions, or read the answers that an earlier run left.

    Args:
        answerer: Who answers.
        questions: The questions; ids are unique.
        path: JSONL file; a line a chunk, with what it cost.
        phase: Ledger phase that gets the costs.
        meter: The answerer's meter.
        charge: Adds to a chunk's cost what an engine's work since the last chunk costs.
        watch: Told (chunks done, chunks).
    """
    answers: dict[str, Answer] = {}
    parts = chunks(questions)
    done = _read(path)
    for index, part in enumerate(parts):
        if index < len(done):
            known = [_revive(row) for row in done[index]["answers"]]
            cost = Phase(**done[index]["cost"])
            answerer.recall(part, known)
            if charge:
                charge(Phase("charged when it was answered"))
        else:
            cost, flops, tokens = Phase(phase.phase), meter.flops, meter.tokens
            with measured(cost):
                known = answerer.answer(part)
            if charge:
                charge(cost)
            cost.flops, cost.tokens = meter.flops - flops, meter.tokens - tokens
            _append(path, {"answers": [dataclasses.asdict(a) for a in known], "cost": cost.to_dict()})
        answers |= {answer.question: answer for answer in known}
        phase.seconds += cost.seconds
        phase.flops += cost.flops
        phase.tokens += cost.tokens
        phase.sentences += cost.sentences
        phase.peak_bytes = max(phase.peak_bytes, cost.peak_bytes)
        if watch:
            watch(index + 1, len(parts))
    return answers


def _revive(row: dict[str, Any]) -> Answer:
    numbers = {key: tuple(row[key]) for key in ("logprobs", "priors", "tokens")}
    return Answer(question=row["question"], text=row["text"], **numbers)


def read_answers(path: Path) -> dict[str, Answer]:
    """Return the answers that a run left in a file, by question; none if there is no such file."""
    return {row["question"]: _revive(row) for chunk in _read(path) for row in chunk["answers"]}


def _read(path: Path) -> list[dict[str, Any]]:
    """Return the whole chunks of a file; a torn last line is cut off."""
    found, whole = [], 0
    try:
        data = path.read_bytes()
    except OSError:
        return []
    for line in data.splitlines(keepends=True):
        try:
            if not line.endswith(b"\n"):
                break
            chunk = json.loads(line)
            if not isinstance(chunk, dict) or not {"answers", "cost"} <= chunk.keys():
                break
            found.append(chunk)
        except ValueError:
            break
        whole += len(line)
    if whole < len(data):
        os.truncate(path, whole)
    return found


def _append(path: Path, chunk: object) -> None:
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(chunk, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
