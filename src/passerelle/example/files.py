"""The embedded pictures as files that `adapt` and `evaluate` read: something to try on one's own model at once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from passerelle.compare.data import prepare
from passerelle.config import parse_experiment
from passerelle.records import Picture, Question, Sample
from passerelle.runs import storage, write_atomically

MARKS = {"first": "<image>\n{}", "last": "{}<image>"}
"""Where the picture stands in a prompt; the embedded base knows it behind the words."""


def write_example_data(
    folder: Path,
    target: str,
    *,
    mark: Literal["first", "last"] = "first",
    train: int = 10_000,
    stamps: int = 200,
    emoji: int = 100,
) -> dict[str, int]:
    """Write training conversations and three benchmarks, in English and in a target language, with their pictures.

    Args:
        folder: Where to.
        target: Code of the target language.
        mark: Where ``<image>`` stands in a prompt.
        train: Most training pictures.
        stamps: Most stamps of the benchmarks.
        emoji: Most emoji of the benchmarks.

    Returns:
        How many rows each file has.

    Raises:
        MissingDependency: Pictures, fonts or the engine aren't installed.
        InputError: The language has too few captions.
        StorageError: The disk is full.
    """
    settings = {"target": target, "budget": {"pictures": train}, "test": {"stamps": stamps, "emoji": emoji}}
    data = prepare(parse_experiment(settings, "example data"))
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
        files = {
            "train-en.json": _conversations(data.originals("human", 0), mark),
            f"train-{data.target}.json": _conversations(data.samples("human", 0), mark),
            f"train-{data.target}-machine.json": _conversations(data.samples("machine", 0), mark),
        }
        for language, questions in (("en", data.tests["english"]), (data.target, data.tests["human"])):
            files |= _benchmarks(questions, language)
        for picture in [*data.train, *data.test]:
            _copy(picture, folder)
        for name, rows in files.items():
            write_atomically(folder / name, _text(name, rows))
    return {name: len(rows) for name, rows in files.items()}


def _conversations(samples: Iterable[Sample], mark: str) -> list[dict[str, Any]]:
    """Make a conversation of each turn: turns of a sample don't see each other."""
    return [
        {
            "id": f"{sample.id}#{number}",
            "image": _name(str(sample.picture)),
            "conversations": [
                {"from": "human", "value": MARKS[mark].format(turn.prompt)},
                {"from": "gpt", "value": turn.reply},
            ],
        }
        for sample in samples
        for number, turn in enumerate(sample.turns)
    ]


def _benchmarks(questions: Sequence[Question], language: str) -> dict[str, list[dict[str, Any]]]:
    """Sort questions into files: choices as ScienceQA has them, yes/no as POPE, captions as COCO."""
    choices, yes_no, captions = [], [], []
    for question in questions:
        row: dict[str, Any] = {"id": question.id, "image": _name(question.picture)}
        if question.kind == "caption":
            captions.append({"image_id": question.id, "image": row["image"], "captions": [question.reference]})
        elif question.kind == "yes-no":
            label = ("yes", "no")[question.correct or 0]
            yes_no.append({"question_id": question.id, "image": row["image"], "text": question.prompt, "label": label})
        else:
            asked = {"question": question.prompt, "choices": list(question.options), "answer": question.correct}
            choices.append({**row, **asked, "subject": question.kind})
    return {
        f"choice-{language}.json": choices,
        f"yes-no-{language}.jsonl": yes_no,
        f"caption-{language}.jsonl": captions,
    }


def _name(identifier: str) -> str:
    return f"pictures/{identifier.replace('/', '-')}.png"


def _copy(picture: Picture, folder: Path) -> None:
    place = folder / _name(picture.id)
    if not place.is_file():
        place.parent.mkdir(exist_ok=True)
        partial = place.with_suffix(".part")
        shutil.copyfile(picture.path, partial)
        partial.replace(place)


def _text(name: str, rows: Sequence[Any]) -> str:
    if name.endswith(".jsonl"):
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
