"""One file of each format about real pictures, translated, then read by us and by an independent reader."""

from __future__ import annotations

import base64
import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image
from reading import read

from passerelle.formats.base import BadRow, Row
from passerelle.formats.images import check_images
from passerelle.formats.registry import detect, open_format
from passerelle.formats.saving import save
from passerelle.records import Picture
from passerelle.translation.base import FakeTranslator

COUNT = 12
# What the fake translator makes of a text.
FR = "[fr] "
Build = Callable[[list[Picture], Path], Any]


@pytest.fixture(scope="module")
def pictures(stamps: list[Picture]) -> list[Picture]:
    return [stamp for stamp in stamps if stamp.path.suffix == ".png"][:: len(stamps) // COUNT][:COUNT]


@pytest.fixture
def data(tmp_path: Path, pictures: list[Picture]) -> Path:
    """A folder with the pictures in `images`."""
    for picture in pictures:
        path = tmp_path / "images" / name(picture)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture.path, path)
    return tmp_path


def name(picture: Picture) -> str:
    return f"{picture.id}.png"


def english(picture: Picture) -> str:
    return picture.captions["en"].text


def translated(source: Path, target: Path, **options: Any) -> list[Row]:
    """Translate a file as a user would have it done, and return the rows that our reader sees in the new one."""
    data_format = open_format(source, **options)
    rows, bad = read(data_format, source)
    assert bad == []
    engine = FakeTranslator()
    pairs = []
    for row in rows:
        texts = engine.translate([field.text for field in row.fields])
        pairs.append((row, {field.place: text for field, text in zip(row.fields, texts, strict=True)}))
    save(data_format, source, target, pairs)
    again, bad = read(open_format(target, **options), target)
    assert bad == []
    assert [(row.number, row.id, row.images) for row in again] == [(row.number, row.id, row.images) for row in rows]
    assert [[f.text for f in row.fields] for row in again] == [[f"{FR}{f.text}" for f in row.fields] for row in rows]
    return again


def in_french(value: Any, keys: set[str]) -> Any:
    """Mark the strings under some keys, as the fake translator does."""
    if isinstance(value, dict):
        return {
            key: [FR + one if isinstance(one, str) else in_french(one, keys) for one in inner]
            if key in keys and isinstance(inner, list)
            else FR + inner
            if key in keys and isinstance(inner, str) and inner
            else in_french(inner, keys)
            for key, inner in value.items()
        }
    return [in_french(one, keys) for one in value] if isinstance(value, list) else value


def assert_images_are_there(rows: list[Row], folder: Path) -> None:
    assert all(len(row.images) == 1 for row in rows)
    assert [check_images(row, folder) for row in rows] == [None] * len(rows)


def conversations(pictures: list[Picture]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{number:012}",
            "image": name(picture),
            "conversations": [
                {"from": "human", "value": "<image>\nWhat is this?"},
                {"from": "gpt", "value": english(picture)},
            ],
            "score": 1.0,
        }
        for number, picture in enumerate(pictures)
    ]


@pytest.mark.parametrize("indent", [None, 2])
def test_llava(data: Path, pictures: list[Picture], indent: int | None) -> None:
    rows = conversations(pictures)
    (data / "en.json").write_text(json.dumps(rows, indent=indent))
    again = translated(data / "en.json", data / "fr.json")
    assert json.loads((data / "fr.json").read_text("utf-8")) == in_french(rows, {"value"})
    assert_images_are_there(again, data / "images")
    assert (again[0].fields[0].text, again[0].id) == ("[fr] <image>\nWhat is this?", "000000000000")


def messages(pictures: list[Picture]) -> list[dict[str, Any]]:
    question = {"type": "text", "text": "What is this?", "index": None}
    return [
        {
            "id": number,
            "messages": [
                {"role": "user", "content": [{"type": "image", "text": None, "index": 0}, question]},
                {"role": "assistant", "content": [{"type": "text", "text": english(picture), "index": None}]},
            ],
            "images": [name(picture)],
        }
        for number, picture in enumerate(pictures)
    ]


def test_messages_in_lines(data: Path, pictures: list[Picture]) -> None:
    rows = messages(pictures)
    rows[0]["messages"][0]["content"] = "A plain string."
    source = data / "en.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    again = translated(source, data / "fr.jsonl")
    assert [json.loads(line) for line in (data / "fr.jsonl").read_text("utf-8").splitlines()] == [
        in_french(row, {"content", "text"}) for row in rows
    ]
    assert pd.read_json(data / "fr.jsonl", lines=True)["id"].tolist() == list(range(COUNT))
    assert_images_are_there(again, data / "images")


def test_messages_in_parquet(data: Path, pictures: list[Picture]) -> None:
    rows = messages(pictures)
    for row, picture in zip(rows, pictures, strict=True):
        row["images"] = [{"bytes": picture.path.read_bytes(), "path": None}]
    pd.DataFrame(rows).to_parquet(data / "en.parquet")
    translated(data / "en.parquet", data / "fr.parquet")
    before, after = pq.read_table(data / "en.parquet"), pq.read_table(data / "fr.parquet")
    assert after.to_pylist() == [in_french(row, {"text"}) for row in before.to_pylist()]
    assert after.schema.equals(before.schema, check_metadata=True)
    frame = pd.read_parquet(data / "fr.parquet")
    assert frame["id"].tolist() == list(range(COUNT))
    assert frame["images"][0][0]["bytes"] == pictures[0].path.read_bytes()


def test_vqa(data: Path, pictures: list[Picture]) -> None:
    header = {"info": {"version": "2.0"}, "task_type": "Open-Ended", "license": {"name": "x"}}
    questions = [{"image_id": n, "question": "What is this?", "question_id": n * 10} for n in range(COUNT)]
    answers = [
        {
            "question_type": "what is this",
            "multiple_choice_answer": english(picture),
            "answers": [{"answer": english(picture), "answer_confidence": "yes", "answer_id": 1}],
            "answer_type": "other",
            "question_id": number * 10,
        }
        for number, picture in enumerate(pictures)
    ]
    for kind, value, keys in (
        ("questions", questions, {"question"}),
        ("annotations", answers, {"multiple_choice_answer", "answer"}),
    ):
        (data / "en.json").write_text(json.dumps({**header, kind: value, "data_subtype": "val2014"}))
        again = translated(data / "en.json", data / "fr.json")
        expected = {**header, kind: in_french(value, keys), "data_subtype": "val2014"}
        assert json.loads((data / "fr.json").read_text("utf-8")) == expected
        assert [row.id for row in again] == [str(number * 10) for number in range(COUNT)]


def test_coco_captions(data: Path, pictures: list[Picture]) -> None:
    content = {
        "info": {},
        "images": [{"id": 7 * n, "file_name": name(p), "width": 1.5e2} for n, p in enumerate(pictures)],
        "licenses": [],
        "annotations": [{"image_id": 7 * n, "id": n, "caption": english(p)} for n, p in enumerate(pictures)],
    }
    (data / "en.json").write_text(json.dumps(content))
    again = translated(data / "en.json", data / "fr.json")
    # As pycocotools makes its index: annotations by image.
    read_again = json.loads((data / "fr.json").read_text("utf-8"))
    captions = {annotation["image_id"]: annotation["caption"] for annotation in read_again["annotations"]}
    assert [captions[image["id"]] for image in read_again["images"]] == [FR + english(p) for p in pictures]
    assert {**read_again, "annotations": None} == {**content, "annotations": None}
    assert_images_are_there(again, data / "images")


def test_mmbench(data: Path, pictures: list[Picture]) -> None:
    frame = pd.DataFrame(
        {
            "index": range(COUNT),
            "question": "What is this?",
            "hint": ['See "this":\nand\tthat', *[None] * (COUNT - 1)],
            "A": [english(p) for p in pictures],
            "B": "A chair",
            "C": None,
            "D": None,
            "answer": "A",
            "category": "object",
            "image": [base64.b64encode(p.path.read_bytes()).decode() for p in pictures],
        }
    )
    frame.to_csv(data / "en.tsv", sep="\t", index=False)
    again = translated(data / "en.tsv", data / "fr.tsv")
    after = pd.read_csv(data / "fr.tsv", sep="\t")
    before = pd.read_csv(data / "en.tsv", sep="\t")
    for column in ("question", "hint", "A", "B"):
        assert after[column].dropna().tolist() == [FR + text for text in before[column].dropna()]
    kept = ["index", "C", "D", "answer", "category", "image"]
    pd.testing.assert_frame_equal(after[kept], before[kept])
    assert [(f.place, f.kind) for f in again[1].fields] == [("question", "text"), ("A", "option"), ("B", "option")]
    with Image.open(io.BytesIO(base64.b64decode(after["image"][3]))) as image:
        assert image.size[0] > 0


def test_mme(data: Path, pictures: list[Picture]) -> None:
    for number, picture in enumerate(pictures):
        folder = data / "en" / ("existence" if number % 2 else "color")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture.path, folder / f"{number:03}.png")
        text = f"Is this {english(picture)}?\tYes\nIs this a chair?\tNo\n"
        (folder / f"{number:03}.txt").write_text(text, encoding="utf-8")
    again = translated(data / "en", data / "fr")
    assert len(again) == 2 * COUNT
    assert_images_are_there(again, data / "fr")
    for path in sorted((data / "en").rglob("*.txt")):
        # As MME's own script reads them.
        after, before = (
            [line.strip().split("\t") for line in text_file.read_text("utf-8").splitlines()]
            for text_file in (data / "fr" / path.relative_to(data / "en"), path)
        )
        assert after == [[FR + question, answer] for question, answer in before]


def test_pope(data: Path, pictures: list[Picture]) -> None:
    rows = [
        {"question_id": n, "image": name(p), "text": f"Is there {english(p)}?", "label": "no" if n % 2 else "yes"}
        for n, p in enumerate(pictures)
    ]
    (data / "en.json").write_text("\n".join(json.dumps(row) for row in rows))
    again = translated(data / "en.json", data / "fr.json")
    frame = pd.read_json(data / "fr.json", lines=True)
    assert frame.to_dict("records") == [{**row, "text": f"{FR}{row['text']}"} for row in rows]
    assert_images_are_there(again, data / "images")


def test_science_qa(data: Path, pictures: list[Picture]) -> None:
    problems = {}
    for number, picture in enumerate(pictures):
        image = data / "images" / "train" / str(number) / "image.png"
        image.parent.mkdir(parents=True)
        shutil.copyfile(picture.path, image)
        problems[str(number)] = {
            "question": "What is this?",
            "choices": [english(picture), "A chair"],
            "answer": 0,
            "hint": "",
            "image": "image.png",
            "lecture": "Things have names.",
            "split": "train",
        }
    (data / "en.json").write_text(json.dumps(problems, indent=4))
    again = translated(data / "en.json", data / "fr.json")
    expected = in_french(problems, {"question", "choices", "lecture"})
    assert json.loads((data / "fr.json").read_text("utf-8")) == expected
    assert list(json.loads((data / "fr.json").read_text("utf-8"))) == [row.id for row in again]
    assert_images_are_there(again, data / "images")


def test_a_plain_table(data: Path, pictures: list[Picture]) -> None:
    with (data / "en.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([("id", "image", "caption"), *((p.id, name(p), english(p)) for p in pictures)])
    again = translated(data / "en.csv", data / "fr.csv", fields=["caption"], images=["image"])
    with (data / "fr.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file))[1:] == [[p.id, name(p), FR + english(p)] for p in pictures]
    assert_images_are_there(again, data / "images")


def test_a_rejected_row_is_left_out(data: Path, pictures: list[Picture]) -> None:
    rows = conversations(pictures)
    rows[3]["image"] = "none.png"
    rows[5]["image"] = "../../etc/passwd"
    (data / "en.json").write_text(json.dumps(rows, indent=1))
    llava = detect(data / "en.json")
    pairs: list[tuple[Row, dict[str, str]]] = []
    problems = []
    for row in llava.rows(data / "en.json"):
        assert not isinstance(row, BadRow)
        problem = check_images(row, data / "images")
        problems += [problem[0]] if problem else []
        pairs += [] if problem else [(row, {})]
    save(llava, data / "en.json", data / "fr.json", pairs)
    assert problems == ["missing-image", "outside-folder"]
    assert json.loads((data / "fr.json").read_text()) == [row for n, row in enumerate(rows) if n not in (3, 5)]
