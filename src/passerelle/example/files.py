"""The embedded example as files that are read like anybody's: conversations, benchmarks, pictures."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from passerelle.errors import InputError, unknown
from passerelle.example.data import ExampleData, Side
from passerelle.languages.codes import language
from passerelle.pictures.opening import open_picture
from passerelle.records import Picture, Question, Sample
from passerelle.runs import cache_folder, held, read_json, storage, write_atomically, write_json

SCHEME = "example:"
"""Before the name of one of the example's files, in an experiment."""
VERSION = 2
"""Raised when other files would be written."""
PICTURES = "pictures"
_SIDES: tuple[tuple[Side, str], ...] = (("test", ""), ("development", "development-"))
"""What is asked about, with what stands before the names of its files; settings are chosen on the second."""
RECORD = "example.json"


def resolve(name: str, target: str) -> Path:
    """Return one of the example's files, which are written into the cache when one is first asked for.

    Args:
        name: Of the file, as `write` calls it.
        target: Code of the target language.

    Raises:
        InputError: There is no such file, or the language has too few captions.
        MissingDependency: Pictures or fonts aren't installed.
        StorageError: The disk is full.
    """
    folder = example_folder() / language(target).bcp47
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with held(folder, waits=True):
        known = read_json(folder / RECORD)
        if known is None or known.get("version") != VERSION:
            known = {"version": VERSION, "rows": write(folder, target, example_folder())}
            write_json(folder / RECORD, known)
    if name not in known["rows"]:
        raise InputError(unknown("file of the example", name, known["rows"]))
    return folder / name


def example_folder() -> Path:
    """Return where the example's files are kept; paths of pictures are relative to it."""
    return cache_folder() / "example-data"


def write(folder: Path, target: str, images: Path | None = None) -> dict[str, int]:
    """Write training conversations and benchmarks in English and in a target language, with their pictures.

    Args:
        folder: Where to.
        target: Code of the target language.
        images: Where the folder of pictures goes [into `folder`].

    Returns:
        How many rows each file has.

    Raises:
        InputError: The language has too few captions.
        MissingDependency: Pictures or fonts aren't installed.
        StorageError: The disk is full.
    """
    data = ExampleData.read(target)
    files: dict[str, tuple[Any, int]] = {}
    for code in ("en", data.target):
        rows = _conversations(data.samples(code))
        files[f"train-{code}.json"] = rows, len(rows)
        for side, prefix in _SIDES:
            found = _benchmarks(data.questions(side, code), code)
            files |= {prefix + name: file for name, file in found.items()}
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for picture in [*data.train, *data.asked("test"), *data.asked("development")]:
        _draw(picture, images or folder)
    for name, (content, _) in files.items():
        write_atomically(folder / name, _text(name, content))
    return {name: count for name, (_, count) in files.items()}


def _conversations(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """Make a conversation of each turn: turns of a sample don't see each other."""
    return [
        {
            "id": f"{sample.id}#{number}",
            "image": _name(str(sample.picture)),
            "conversations": [
                {"from": "human", "value": f"<image>\n{turn.prompt}"},
                {"from": "gpt", "value": turn.reply},
            ],
        }
        for sample in samples
        for number, turn in enumerate(sample.turns)
    ]


def _benchmarks(questions: Sequence[Question], code: str) -> Mapping[str, tuple[Any, int]]:
    """Sort questions into files: choices as ScienceQA has them, yes/no as POPE, captions as COCO."""
    choices: dict[str, dict[str, Any]] = {}
    yes_no: list[dict[str, Any]] = []
    captions: dict[str, list[dict[str, Any]]] = {"images": [], "annotations": []}
    for question in questions:
        picture = _name(question.picture)
        if question.kind == "caption":
            captions["images"].append({"id": question.picture, "file_name": picture})
            said = {"id": question.id, "image_id": question.picture, "caption": question.reference}
            captions["annotations"].append(said)
        elif question.kind == "yes-no":
            label = ("yes", "no")[question.correct or 0]
            yes_no.append({"question_id": question.id, "image": picture, "text": question.prompt, "label": label})
        else:
            choices[question.id] = {
                "question": question.prompt,
                "choices": list(question.options),
                "answer": question.correct,
                "image": picture,
                "subject": question.kind.removeprefix("choice-"),
            }
    return {
        f"choice-{code}.json": (choices, len(choices)),
        f"yes-no-{code}.jsonl": (yes_no, len(yes_no)),
        f"caption-{code}.json": (captions, len(captions["annotations"])),
    }


def _name(identifier: str) -> str:
    return f"{PICTURES}/{identifier.replace('/', '-')}.png"


def _draw(picture: Picture, folder: Path) -> None:
    """Write a picture as a square on white, as the base saw pictures when it was trained."""
    place = folder / _name(picture.id)
    if place.is_file():
        return
    from PIL import Image

    image = open_picture(picture.path)
    side = max(image.size)
    square = Image.new("RGB", (side, side), (255, 255, 255))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    encoded = io.BytesIO()
    square.save(encoded, format="PNG", compress_level=1)
    write_atomically(place, encoded.getvalue())


def _text(name: str, content: Any) -> str:
    if name.endswith(".jsonl"):
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
