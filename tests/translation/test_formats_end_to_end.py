"""A real file of each format, translated by Apertium, then read by us and by an independent reader."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from format_files import (
    coco,
    llava,
    messages,
    mmbench,
    mme,
    parquet,
    pope,
    scienceqa,
    table,
    vqa_annotations,
    vqa_questions,
)

from passerelle.formats.base import Row
from passerelle.formats.registry import open_format
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.run import translate
from passerelle.translation.protection.verify import verify

pytestmark = pytest.mark.skipif(shutil.which("apertium") is None, reason="install apertium")


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
    for one, other in zip(before, after, strict=True):
        assert (one.number, one.id, one.images) == (other.number, other.id, other.images)
        assert [text.place for text in one.fields] == [text.place for text in other.fields]
        for text, new in zip(one.fields, other.fields, strict=True):
            assert verify(text.text, new.text) == []
    words = " ".join(text.text for row in after for text in row.fields)
    assert "chien" in words or "table" in words
