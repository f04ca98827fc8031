"""A real file of each format, translated by Apertium, then read by us and by an independent reader."""

from __future__ import annotations

import base64
import csv
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from passerelle.dataset.job import Job
from passerelle.dataset.run import translate
from passerelle.formats.base import Row
from passerelle.formats.registry import open_format
from passerelle.translation.verify import verify

pytestmark = pytest.mark.skipif(shutil.which("apertium") is None, reason="install apertium")

CAPTIONS = ["A red dog.", "The small house", "Two cats on the table.", "A tree near the bridge"]
QUESTION = "<image>\nWhat is in the picture?"


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (255, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with pictures in `images`."""
    for number in range(len(CAPTIONS)):
        for path in (f"{number}.png", f"train/{number}/image.png"):
            (tmp_path / "images" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "images" / path).write_bytes(picture())
    return tmp_path


def llava(path: Path) -> None:
    rows = [
        {
            "id": f"{number:04}",
            "image": f"{number}.png",
            "conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": caption}],
        }
        for number, caption in enumerate(CAPTIONS)
    ]
    path.write_text(json.dumps(rows, indent=1))


def chat(number: int, caption: str) -> dict[str, Any]:
    parts = [{"type": "image", "text": None}, {"type": "text", "text": "What is in the picture?"}]
    answer = [{"type": "text", "text": caption}]
    return {"id": number, "messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": answer}]}


def messages(path: Path) -> None:
    rows = [{**chat(number, caption), "images": [f"{number}.png"]} for number, caption in enumerate(CAPTIONS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def parquet(path: Path) -> None:
    rows = [{**chat(n, caption), "images": [{"bytes": picture(), "path": None}]} for n, caption in enumerate(CAPTIONS)]
    pd.DataFrame(rows).to_parquet(path)


def vqa_questions(path: Path) -> None:
    rows = [{"image_id": n, "question": f"Is it {c.lower()}", "question_id": n} for n, c in enumerate(CAPTIONS)]
    path.write_text(json.dumps({"info": {}, "questions": rows, "data_subtype": "val2014"}))


def vqa_annotations(path: Path) -> None:
    rows = [
        {
            "question_id": number,
            "multiple_choice_answer": answer,
            "answer_type": "other",
            "answers": [{"answer": answer, "answer_confidence": "yes", "answer_id": one} for one in range(3)],
        }
        for number, answer in enumerate(["dog", "yes", "2", "the table"])
    ]
    path.write_text(json.dumps({"annotations": rows}))


def coco(path: Path) -> None:
    images = [{"id": 7 * number, "file_name": f"{number}.png"} for number in range(len(CAPTIONS))]
    captions = [{"image_id": 7 * number, "id": number, "caption": c} for number, c in enumerate(CAPTIONS)]
    path.write_text(json.dumps({"images": images, "annotations": captions}))


def mmbench(path: Path) -> None:
    table = {"index": range(4), "question": "What is this?", "hint": None, "A": CAPTIONS, "B": "A chair"}
    image = base64.b64encode(picture()).decode()
    pd.DataFrame({**table, "C": None, "answer": "A", "image": image}).to_csv(path, sep="\t", index=False)


def mme(path: Path) -> None:
    for number, caption in enumerate(CAPTIONS):
        folder = path / "existence"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(picture())
        name = caption[2:].rstrip(".")
        (folder / f"{number}.txt").write_text(f"Is there {name}?\tYes\nIs there a chair?\tNo\n")


def pope(path: Path) -> None:
    rows = [
        {"question_id": n, "image": f"{n}.png", "text": f"Is there {c.lower()[:-1]}?", "label": "yes"}
        for n, c in enumerate(CAPTIONS)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))


def scienceqa(path: Path) -> None:
    rows = {
        str(number): {
            "question": "What is this?", "choices": [caption, "A chair"], "answer": 0, "hint": "", "lecture": "",
            "split": "train", "image": "image.png",
        }
        for number, caption in enumerate(CAPTIONS)
    }  # fmt: skip
    path.write_text(json.dumps(rows))


def table(path: Path) -> None:
    with path.open("w", newline="") as file:
        rows = [(number, f"{number}.png", caption, 1.50) for number, caption in enumerate(CAPTIONS)]
        csv.writer(file).writerows([("id", "image", "caption", "score"), *rows])


def by_json(path: Path, ids: str, *parts: str) -> list[Any]:
    """Ids of the rows of a JSON document, below some keys."""
    value = json.loads(path.read_text("utf-8"))
    for part in parts:
        value = value[part]
    return [row[ids] for row in value]


# What writes the file, its name, options, and an independent reader of the ids.
CASES: dict[str, tuple[Callable[[Path], None], str, dict[str, Any], Callable[[Path], list[Any]]]] = {
    "llava": (llava, "x.json", {}, lambda path: by_json(path, "id")),
    "messages": (messages, "x.jsonl", {}, lambda path: pd.read_json(path, lines=True)["id"].tolist()),
    "messages-parquet": (parquet, "x.parquet", {"images": None}, lambda path: pq.read_table(path)["id"].to_pylist()),
    "vqa-questions": (vqa_questions, "x.json", {}, lambda path: by_json(path, "question_id", "questions")),
    "vqa-annotations": (vqa_annotations, "x.json", {}, lambda path: by_json(path, "question_id", "annotations")),
    "coco-captions": (coco, "x.json", {}, lambda path: by_json(path, "image_id", "annotations")),
    "mmbench": (mmbench, "x.tsv", {"images": None}, lambda path: pd.read_csv(path, sep="\t")["index"].tolist()),
    "mme": (mme, "x", {"images": None}, lambda path: sorted(p.name for p in path.rglob("*"))),
    "pope": (pope, "x.json", {}, lambda path: pd.read_json(path, lines=True)["question_id"].tolist()),
    "scienceqa": (scienceqa, "x.json", {}, lambda path: list(json.loads(path.read_text("utf-8")))),
    "csv": (
        table,
        "x.csv",
        {"fields": ("caption",), "image_fields": ("image",)},
        lambda path: pd.read_csv(path)["id"].tolist(),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_rows_ids_and_images_in_french(data: Path, name: str) -> None:
    write, file_name, options, independent = CASES[name]
    source = data / file_name
    write(source)
    given = {"images": data / "images", **options}
    work = Job(source, data / "fr" / file_name, "fr", data / "memory.sqlite", **given)
    summary = translate(work)
    assert summary.tally.rejected == {}
    assert summary.format == name
    data_format = open_format(source, "", work.fields, work.image_fields)
    before, after = ([row for row in data_format.rows(path) if isinstance(row, Row)] for path in (source, work.out))
    assert len(before) == summary.tally.written > 0
    assert independent(source) == independent(work.out)
    assert len({replace(row, raw=b"", fields=()).id for row in after}) == len({row.id for row in before})
    for one, other in zip(before, after, strict=True):
        assert (one.number, one.id, one.images) == (other.number, other.id, other.images)
        assert [text.place for text in one.fields] == [text.place for text in other.fields]
        for text, new in zip(one.fields, other.fields, strict=True):
            assert verify(text.text, new.text) == []
    words = " ".join(text.text for row in after for text in row.fields)
    assert "chien" in words or "table" in words
