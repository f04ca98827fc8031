"""The answers of a run folder, for experts to judge: what each arm said to the questions of its main test."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from passerelle.errors import ConfigError, InputError, unknown
from passerelle.evaluation.asking.labelled import PEOPLE
from passerelle.evaluation.writing import read_answers
from passerelle.quality.evidence.chrf import sentence_chrf
from passerelle.review.store.items import Answered
from passerelle.runs import open_results, read_arms

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
    results = open_results(folder, "comparison").content
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


def _shown(answered: Answered, images: Path | None) -> Answered:
    """Return a question with its picture where it is."""
    if answered.picture is None or answered.picture.is_file():
        return answered
    found = images / answered.picture if images else answered.picture
    if not found.is_file():
        raise InputError(f"no picture at {str(found)!r}: say where pictures are, --images FOLDER.")
    return replace(answered, picture=found)


def _is_left(row: Row) -> bool:
    """Whether rules left an answer to people, who haven't decided it yet; a model may have."""
    is_open = row["kind"] in ("open", "choice") and not row["options"] and row["read"] == "false"
    is_left = row["unread"] or row["decided_by"] or is_open
    return bool(is_left and row["decided_by"] != PEOPLE)


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
        {key: str(first[key]) for key in ("benchmark", "language", "id")},
    )


def read_unread(
    folder: Path, arms: Sequence[str], target: str, images: Path | None = None
) -> tuple[list[Answered], int]:
    """Read the answers that rules couldn't read, for people to label: each question with each thing that was said.

    Of open answers these are the ones that are the same as no reference by rules.

    Args:
        folder: A run folder, or the folder of an evaluation.
        arms: Whose; all where none is named.
        target: BCP-47 code of the language of the questions.
        images: Folder of the pictures, where answers were given as predictions and so nobody looked for them.

    Returns:
        Them, and how many more are blank: there is nothing in these to label.

    Raises:
        ConfigError: Such an arm or model has no answers there.
        InputError: There are no answers, none is unread, or a picture isn't found.
    """
    inner = folder / "evaluation" / "answers.jsonl"
    rows = read_answers(inner if inner.is_file() else folder / "answers.jsonl")
    known = {row["system"]: None for row in rows}
    for arm in arms:
        if arm not in known:
            raise ConfigError(unknown("arm", arm, known))
    said: dict[tuple[str, str], dict[str, dict[str, Row]]] = {}
    left = [row for row in rows if row["system"] in (arms or known) and row["language"] == target and _is_left(row)]
    blank = sum(not row["text"].strip() for row in left)
    for row in left:
        if row["text"].strip():
            texts = said.setdefault((row["benchmark"], row["id"]), {})
            texts.setdefault(row["text"], {}).setdefault(row["system"], row)
    if not said:
        beside = f" ({blank} are blank)" if blank else ""
        raise InputError(
            f"no answer in {target!r} is unread in {str(folder)!r}{beside}: nothing is left for people to label."
        )
    found = []
    for texts in said.values():
        for number, answers in enumerate(texts.values(), 1):
            one = _shown(_answered(answers), images)
            found.append(one if len(texts) == 1 else replace(one, id=f"{one.id} ({number})"))
    return found, blank


def _text(row: Row) -> str:
    if row["text"] or not row["options"]:
        return str(row["text"])
    place = json.loads(row["read"]) if row["read"] else None
    return str(row["options"][place]) if isinstance(place, int) else ""


def _score(row: Row, text: str, right: str) -> float:
    if row["options"]:
        return 100.0 if row["right"] else 0.0
    return round(sentence_chrf(text, right), 2)
