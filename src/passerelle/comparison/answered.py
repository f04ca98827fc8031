"""The answers of a run folder, for experts to judge: what each arm said to the questions of its main test."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from passerelle.errors import ConfigError, InputError, unknown
from passerelle.evaluation.writing import read_answers
from passerelle.quality.evidence.chrf import sentence_chrf
from passerelle.review.store.items import Answered
from passerelle.runs import read_arms, read_json

NOT_SHOWN = ("yes-no",)
"""Kinds of test that experts don't judge: yes and no say too little to compare."""
Row = Mapping[str, Any]


def read_run(folder: Path, arms: Sequence[str]) -> list[Answered]:
    """Read what arms answered in a run: texts as they said them, of choices the option that they picked.

    Args:
        folder: The run folder.
        arms: The arms; all that were asked where none is named.

    Raises:
        ConfigError: There is no such arm in the run.
        InputError: There is no finished run, or an arm has no answers there.
    """
    known = read_arms(folder)
    results = read_json(folder / "results.json")
    if results is None:
        raise InputError(f"no finished run in {str(folder)!r}: `passerelle compare` makes one.")
    for arm in arms:
        if arm not in known:
            raise ConfigError(unknown("arm", arm, known))
    rows = [row for row in read_answers(folder / "evaluation" / "answers.jsonl") if _is_asked(row, results)]
    asked = [name for name in known if any(row["system"] == name for row in rows)]
    for arm in arms:
        if arm not in asked:
            raise InputError(f"{arm!r} has no answers in {str(folder)!r}: run `passerelle compare` with it first.")
    wanted = list(arms or asked)
    by_question: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        if row["system"] in wanted:
            by_question.setdefault((row["benchmark"], row["id"]), {})[row["system"]] = row
    return [_answered(answers) for answers in by_question.values() if len(answers) == len(wanted)]


def _is_asked(row: Row, results: Row) -> bool:
    """Whether an answer is one that experts judge: of the first seed, to the main test in the target language."""
    by_machine = row["benchmark"] not in results["headline_metrics"]
    in_main_test = by_machine == (results["main_test"] == "machine")
    own = row["language"] == results["target"] and row["seed"] == 1
    return own and in_main_test and row["kind"] not in NOT_SHOWN


def _answered(answers: Mapping[str, Row]) -> Answered:
    first = next(iter(answers.values()))
    right = first["references"][0] if first["references"] else ""
    if first["options"] and first["correct"] is not None:
        right = first["options"][first["correct"]]
    said = {arm: _text(row) for arm, row in answers.items()}
    automatic = {arm: _score(row, said[arm], right) for arm, row in answers.items()}
    picture = Path(first["picture"]) if first["picture"] else None
    return Answered(
        f"{first['benchmark']} {first['id']}",
        first["prompt"],
        said,
        picture,
        first["benchmark"],
        first["picture"] or first["id"],
        right,
        automatic,
    )


def _text(row: Row) -> str:
    if row["text"] or not row["options"]:
        return str(row["text"])
    place = json.loads(row["read"]) if row["read"] else None
    return str(row["options"][place]) if isinstance(place, int) else ""


def _score(row: Row, text: str, right: str) -> float:
    if row["options"]:
        return 100.0 if row["right"] else 0.0
    return round(sentence_chrf(text, right), 2)
