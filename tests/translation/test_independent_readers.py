"""What was translated, read by the libraries that trainers and scorers read it with: the same but for the words."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from format_files import CAPTIONS, QUESTION, coco, llava, messages, mmbench, parquet, pope, table, vqa_questions
from pycocotools.coco import COCO

from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.run import translate

pytestmark = pytest.mark.skipif(shutil.which("apertium") is None, reason="install apertium")

Row = dict[str, Any]
Write = Callable[[Path], None]


def translated(data: Path, write: Write, name: str, **options: Any) -> tuple[Path, Path]:
    """Write a file and translate it; return both."""
    source, out = data / name, data / "fr" / name
    write(source)
    given = {"images": data / "images", **options}
    assert translate(Job(source, out, "fr", data / "memory.sqlite", **given)).tally.rejected == {}
    return source, out


def take_turns(row: Row) -> list[str]:
    """Take the words of LLaVA's turns out of a row."""
    return [turn.pop("value") for turn in row["conversations"]]


def take_parts(row: Row) -> list[str]:
    """Take the words of Hugging Face's messages out of a row."""
    return [part.pop("text") for message in row["messages"] for part in message["content"] if part["type"] == "text"]


def take(*columns: str) -> Callable[[Row], list[str]]:
    """Take the words of some columns out of a row."""
    return lambda row: [row.pop(column) for column in columns]


# What writes the file, its name, options, how `datasets` reads it, and what takes the words out of a row.
CASES: dict[str, tuple[Write, str, Row, Callable[..., Any], Row, Callable[[Row], list[str]]]] = {
    "llava": (llava, "x.json", {}, datasets.Dataset.from_json, {}, take_turns),
    "messages": (messages, "x.jsonl", {}, datasets.Dataset.from_json, {}, take_parts),
    "messages-parquet": (parquet, "x.parquet", {"images": None}, datasets.Dataset.from_parquet, {}, take_parts),
    "vqa": (vqa_questions, "x.json", {}, datasets.Dataset.from_json, {"field": "questions"}, take("question")),
    "mmbench": (
        mmbench,
        "x.tsv",
        {"images": None},
        datasets.Dataset.from_csv,
        {"sep": "\t"},
        take("question", "A", "B"),
    ),
    "pope": (pope, "x.json", {}, datasets.Dataset.from_json, {}, take("text")),
    "csv": (
        table,
        "x.csv",
        {"fields": ("caption",), "image_fields": ("image",)},
        datasets.Dataset.from_csv,
        {},
        take("caption"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_datasets_reads_the_same_rows_in_other_words(data: Path, name: str) -> None:
    write, file_name, options, read, reading, take_words = CASES[name]
    source, out = translated(data, write, file_name, **options)
    before, after = (
        list(read(str(path), cache_dir=str(data / "cache" / path.parent.name), **reading)) for path in (source, out)
    )
    assert len(before) == len(after) == len(CAPTIONS)
    for row, new in zip(before, after, strict=True):
        words, new_words = take_words(row), take_words(new)
        assert row == new  # ids, images, roles, answers, columns and their types
        assert len(words) == len(new_words) and words != new_words
        assert [text.startswith("<image>\n") for text in words] == [text.startswith("<image>\n") for text in new_words]
        assert (words[0] == QUESTION) == (name == "llava")


def test_pycocotools_reads_the_same_captions_in_other_words(data: Path) -> None:
    source, out = (COCO(str(path)) for path in translated(data, coco, "x.json"))
    assert source.getImgIds() == out.getImgIds() == [0, 7, 14, 21]
    assert source.imgs == out.imgs
    assert source.getAnnIds(imgIds=[7]) == out.getAnnIds(imgIds=[7]) == [1]
    before, after = (read.loadAnns(read.getAnnIds()) for read in (source, out))
    captions, french = ([annotation.pop("caption") for annotation in each] for each in (before, after))
    assert before == after
    assert captions == CAPTIONS and not set(captions) & set(french)
    assert "chien" in " ".join(french)
