"""The embedded pictures as files: what `adapt` and `evaluate` read, in both languages, without a shared concept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from passerelle.cli import main
from passerelle.evaluation.run import Options, read_tests
from passerelle.formats.conversations import read_conversations


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example") / "data"
    options = ["--train", "30", "--stamps", "6", "--emoji", "4", "--image-mark", "last", "--out", str(folder)]
    done = CliRunner().invoke(main, ["export", "example-data", *options, "--json"])
    assert done.exit_code == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    assert counts[str(folder / "train-fr.json")] == 60
    return folder


def test_conversations_are_read_in_three_versions(written: Path) -> None:
    read: dict[str, Any] = {}
    for name, language in (("train-en", "en"), ("train-fr", "fr"), ("train-fr-machine", "fr")):
        read[name], rejected = read_conversations(
            written / f"{name}.json", images=None, language=language, origin="native"
        )
        assert rejected == []
        assert all(each.messages[0].parts[-1] is None for each in read[name]), "the picture comes last"
    ids = {name: [each.id for each in found] for name, found in read.items()}
    assert ids["train-en"] == ids["train-fr"] == ids["train-fr-machine"]
    said = {name: [each.messages[1].text for each in found] for name, found in read.items()}
    assert said["train-fr"] != said["train-fr-machine"] != said["train-en"]


def test_benchmarks_ask_the_same_in_both_languages(written: Path, tmp_path: Path) -> None:
    names = ("scienceqa=choice-{language}.json", "pope=yes-no-{language}.jsonl", "coco=caption-{language}.jsonl")
    given = tuple(name.replace("=", f"={written}/") for name in names)
    tests = read_tests(Options((), given, "fr,en", images=written, out=tmp_path), ("fr", "en"), with_pictures=True)
    assert {name: len(by["fr"].items) for name, by in tests.items()} == {"scienceqa": 20, "pope": 20, "coco": 10}
    for by_language in tests.values():
        french, english = ([(i.id, i.correct) for i in by_language[code].items] for code in ("fr", "en"))
        assert french == english
        assert by_language["fr"].missing == []
        assert all(path.is_file() for path in by_language["fr"].pictures.values())
    asked = {path.name for by in tests.values() for path in by["fr"].pictures.values()}
    learnt = {Path(row["image"]).name for row in json.loads((written / "train-en.json").read_text(encoding="utf-8"))}
    assert not asked & learnt
