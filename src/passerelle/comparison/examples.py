"""Pictures with what each arm said about them, for the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from passerelle.evaluation.metrics.answer_language import judge_answer
from passerelle.languages.contrast import refusal
from passerelle.pictures.thumbnails import keep_picture
from passerelle.runs import content_hash
from passerelle.translation.both_ways import ENGLISH

ENGLISH_ARM = "english"
Row = Mapping[str, Any]
Asked = Callable[[str, str], tuple[str, str]]
"""Gets a benchmark of the evaluation and a language; returns the test and who made its questions."""


def examples_of(answers: Sequence[Row], folder: Path, target: str, most: int, asked: Asked) -> list[dict[str, Any]]:
    """Return questions about different pictures with what each arm said, first seeds only.

    Args:
        answers: All answers.
        folder: The run folder, where small copies of the pictures are kept.
        target: Code of the target language.
        most: Most pictures.
        asked: Says which test an answer belongs to.
    """
    by_picture: dict[str, list[Row]] = {}
    for row in answers:
        if row["picture"] and row["seed"] == 1:
            by_picture.setdefault(row["picture"], []).append(row)
    shown = [rows for rows in by_picture.values() if any(row["language"] == target for row in rows)]
    return [_example(rows, folder, target, asked) for rows in shown[:most]]


def _example(rows: Sequence[Row], folder: Path, target: str, asked: Asked) -> dict[str, Any]:
    picture = rows[0]["picture"]
    kinds = {kind: _questions([row for row in rows if row["kind"] == kind], asked) for kind in ("choice", "yes-no")}
    said = [row for row in rows if row["kind"] not in kinds or not row["options"]]
    captions = _questions(said, asked)
    choice = next(iter(kinds["choice"].values()), None)
    first = next(iter(captions.values()), {})
    own = next(iter(first.values()), rows[:1])[0]
    return {
        "picture": f"{rows[0]['benchmark']} {rows[0]['id']}",
        "image": keep_picture(Path(picture), folder, content_hash(picture)[:16]),
        "source": rows[0]["benchmark"],
        "caption": {who: _reference(found[0]) for who, found in first.items()} or {"human": own["prompt"]},
        "choice": None if choice is None else _choice(choice),
        "captions": {_arm(who, row): row["text"] for who, found in first.items() for row in found if row["text"]},
        "yes_no": [_yes_no(question) for question in list(kinds["yes-no"].values())[:2]],
        "wrong_language": _wrong_language(first, target),
    }


def _wrong_language(question: Mapping[str, Sequence[Row]], target: str) -> list[str]:
    """Return whose free answer to a question shows another language than it was asked in."""
    if refusal(target):
        return []
    rows = [row for found in question.values() for row in found if row["language"] == target and row["text"]]
    judged = {row["system"]: judge_answer(row["text"], row["prompt"], target).verdict for row in rows}
    return [arm for arm, verdict in judged.items() if verdict == "other"]


def _questions(rows: Sequence[Row], asked: Asked) -> dict[str, dict[str, list[Row]]]:
    """Return the answers by question, then by who made its words."""
    found: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        test, who = asked(row["benchmark"], row["language"])
        found.setdefault(f"{test} {row['id']}", {}).setdefault(who, []).append(row)
    return found


def _arm(who: str, row: Row) -> str:
    """Name who answered: the base's answers in English are the reference's."""
    return ENGLISH_ARM if row["language"] == ENGLISH else str(row["system"])


def _reference(row: Row) -> str:
    return str((row["references"] or [row["prompt"]])[0])


def _answered(question: Mapping[str, Sequence[Row]]) -> dict[str, Row]:
    """Return who answered a question what: of the machine's words nothing, of English the base alone."""
    found: dict[str, Row] = {}
    for who in ("human", "english") if "human" in question else ("machine", "english"):
        for row in question.get(who, ()):
            found.setdefault(_arm(who, row), row)
    return found


def _choice(question: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    picked = {name: _picked(row) for name, row in _answered(question).items()}
    return {
        "options": {who: rows[0]["options"] for who, rows in question.items()},
        "correct": next(iter(question.values()))[0]["correct"],
        "picked": {name: place for name, place in picked.items() if place is not None},
    }


def _yes_no(question: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    rows = _answered(question)
    first = next(iter(question.values()))[0]
    return {
        "question": {who: found[0]["prompt"] for who, found in question.items()},
        "correct": first["options"][first["correct"] or 0],
        "said": {name: row["text"] or _word(row) for name, row in rows.items()},
    }


def _word(row: Row) -> str:
    place = _picked(row)
    return "" if place is None else str(row["options"][place])


def _picked(row: Row) -> int | None:
    """Return the place of the option that an answer was read as; yes is the first."""
    read = json.loads(row["read"]) if row["read"] else None
    if isinstance(read, bool):
        return 0 if read else 1
    return read if isinstance(read, int) and row["options"] else None
