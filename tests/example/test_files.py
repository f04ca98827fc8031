"""The example as files: what an experiment names, read by the same readers as anybody's."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from passerelle.errors import InputError
from passerelle.evaluation.benchmarks.base import Item
from passerelle.evaluation.reading import read_test
from passerelle.evaluation.specification import Planned, parse_sources
from passerelle.example import files
from passerelle.example.data import ExampleData
from passerelle.example.splits import stored
from passerelle.formats.conversations import read_conversations

LANGUAGE = "fr"


@pytest.fixture(scope="module")
def folder() -> Path:
    return files.resolve("train-en.json", LANGUAGE).parent


def picture_ids(folder: Path, name: str) -> set[str]:
    return {Path(row["image"]).stem for row in json.loads((folder / name).read_text(encoding="utf-8"))}


def test_both_languages_say_the_same_rows(folder: Path) -> None:
    rows = {code: json.loads((folder / f"train-{code}.json").read_text(encoding="utf-8")) for code in ("en", LANGUAGE)}
    assert [(row["id"], row["image"]) for row in rows["en"]] == [(row["id"], row["image"]) for row in rows[LANGUAGE]]
    replies = {code: [row["conversations"][1]["value"] for row in found] for code, found in rows.items()}
    differing = sum(one != other for one, other in zip(replies["en"], replies[LANGUAGE], strict=True))
    assert differing / len(rows["en"]) > 0.9 and len(rows["en"]) > 2000
    where = folder / f"train-{LANGUAGE}.json"
    samples, rejected = read_conversations(where, images=folder.parent, language=LANGUAGE, origin="human-translation")
    assert (len(samples), rejected) == (len(rows["en"]), [])


def test_nothing_that_is_asked_was_learnt(folder: Path) -> None:
    learnt = picture_ids(folder, "train-en.json")
    split = {identifier.replace("/", "-"): side for identifier, side in stored().items()}
    assert {split[picture] for picture in learnt} == {"train"}
    for prefix, side in (("", "test"), ("development-", "development")):
        questions = json.loads((folder / f"{prefix}choice-{LANGUAGE}.json").read_text(encoding="utf-8"))
        assert {split[Path(q["image"]).stem] for q in questions.values()} == {side}


@pytest.mark.parametrize("code", ["en", LANGUAGE])
def test_benchmarks_are_read_like_anybodys(folder: Path, code: str, tmp_path: Path) -> None:
    def read(benchmark: str, name: str) -> list[Item]:
        (source,) = parse_sources([f"{benchmark}={folder / name}"], [code])[0]
        test = read_test(Planned((source,), "sum", images=folder.parent), source, tmp_path, with_pictures=True)
        assert not test.missing
        return test.items

    choice = read("scienceqa", f"choice-{code}.json")
    assert Counter(item.subtask for item in choice).keys() == {"random", "category"}
    assert all(len(item.options) == 4 and item.correct in range(4) for item in choice)
    assert {item.correct for item in read("pope", f"yes-no-{code}.jsonl")} == {0, 1}
    assert all(item.references for item in read("coco", f"caption-{code}.json"))


def test_pictures_are_squares_on_white(folder: Path) -> None:
    row = json.loads((folder / "train-en.json").read_text(encoding="utf-8"))[0]
    with Image.open(folder.parent / row["image"]) as picture:
        assert picture.width == picture.height and picture.mode == "RGB"
        assert picture.getpixel((0, 0)) == (255, 255, 255)


def test_stamps_and_emoji_are_asked_in_turn() -> None:
    order = [picture.source for picture in ExampleData.read(LANGUAGE).asked("test")[:30]]
    assert order == ["stamps", "stamps", "emoji"] * 10


def test_an_export_is_the_same_with_its_pictures(folder: Path, tmp_path: Path) -> None:
    drawn = sorted((folder.parent / files.PICTURES).iterdir())
    (tmp_path / files.PICTURES).mkdir()
    for path in drawn[1:]:  # drawing all of them takes long
        (tmp_path / files.PICTURES / path.name).symlink_to(path)
    counts = files.write(tmp_path, LANGUAGE)
    assert counts.keys() == {path.name for path in tmp_path.glob("*.json*")}
    for name in counts:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    new = tmp_path / files.PICTURES / drawn[0].name
    assert new.read_bytes() == drawn[0].read_bytes() and not new.is_symlink()


def test_what_there_is_not_is_named() -> None:
    with pytest.raises(InputError, match="unknown file of the example 'train-de.json'. Did you mean"):
        files.resolve("train-de.json", LANGUAGE)
