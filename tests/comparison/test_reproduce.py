"""A comparison is run again from its results: the same answers to the last bit, or what differs by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from comparisons import own_cache, write_experiment, write_own
from families.tiny import build
from passerelle.cli import main
from passerelle.comparison.reproduction.differing import lines_of

pytestmark = pytest.mark.timeout(600)
ARMS = {"zero-shot": None, "lora": {"text": "human"}}
CONTENT = ("system", "seed", "benchmark", "language", "id", "text", "logprobs", "priors", "tokens", "read", "right")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a comparison that was run, the working directory."""
    folder = write_own(tmp_path_factory.mktemp("own"))
    build("llava", folder / "model")
    tests = [{"benchmark": "pope=pope-{language}.jsonl", "answers": "generate", "max_new_tokens": 4}]
    write_experiment(folder, arms=ARMS, seeds=[1], tests=tests)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PASSERELLE_CACHE", own_cache(folder / "cache"))
        done = CliRunner().invoke(main, ["compare", "own.yaml", "--threads", "1"])
        assert done.exit_code == 0, done.output
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


def reproduce(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["reproduce", *arguments, "--threads", "1"])


def contents(run: Path) -> list[list[Any]]:
    lines = (run / "evaluation" / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    return [[json.loads(line)[key] for key in CONTENT] for line in lines]


def test_the_same_data_give_the_same_bytes(place: Path) -> None:
    """What is asked for with the data's checksums beside: trained again, asked again, and all is the same."""
    results = json.loads((place / "runs/own/results.json").read_text(encoding="utf-8"))
    kept = {row["what"]: row for row in results["data"]["files"]}
    assert kept.keys() == {
        "data.english", "data.human", "test pope=pope-{language}.jsonl (fr)", "test pope=pope-{language}.jsonl (en)",
        "model",
    }  # fmt: skip
    assert all(len(row["sha256"]) == 64 for row in kept.values()) and kept["data.human"]["pictures"] == 4
    done = reproduce("runs/own", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told == json.loads((place / "runs/own-again/reproduction.json").read_text(encoding="utf-8"))
    assert contents(place / "runs/own-again") == contents(place / "runs/own")
    assert told["same"] and not any(
        told[key] for key in ("settings", "versions", "hardware", "data", "engines", "arms")
    )
    assert [each["same"] for each in told["answers"]] == [16] * 4
    assert {each["difference"] for each in told["comparisons"]} == {0} and not told["not_comparable"]
    assert all(row["before"]["value"] == row["again"]["value"] for row in told["scores"])
    (lora,) = (row for row in told["costs"] if (row["arm"], row["sum"]) == ("lora", "make"))
    assert lora["before"]["processor_seconds"] > 0 < lora["again"]["processor_seconds"]
    first, *_ = lines_of(told)
    assert first == "All 64 answers are the same, to the last bit."


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("fr.json", "data.human has changed: 'fr.json', sha256"),
        ("pope-en.jsonl", "test pope=pope-{language}.jsonl (en) has changed"),
        ("model/config.json", "model has changed: 'model'"),
        ("red.png", "data.human has other pictures"),
    ],
)
def test_what_changed_is_named_before_anything_is_run(place: Path, file: str, said: str) -> None:
    before = (place / file).read_bytes()
    (place / file).write_bytes(before + b"\n")
    try:
        done = reproduce("runs/own/results.json", "-o", "other")
    finally:
        (place / file).write_bytes(before)
    assert (done.exit_code, said in done.stderr) == (2, True), done.output
    assert "or go on with --anyway" in done.stderr and not (place / "other").exists()


def test_what_is_missing_is_named(place: Path) -> None:
    (place / "fr.json").rename(place / "away.json")
    try:
        done = reproduce("runs/own", "-o", "other")
    finally:
        (place / "away.json").rename(place / "fr.json")
    assert (done.exit_code, "data.human is missing: there is nothing at 'fr.json'" in done.stderr) == (2, True)


def test_with_other_data_it_says_how_many_answers_differ(place: Path) -> None:
    """The second runs with another question and other training text, and both are told apart from what is the same."""
    test, data = (place / name for name in ("pope-fr.jsonl", "fr.json"))
    kept = test.read_text(encoding="utf-8"), data.read_text(encoding="utf-8")
    test.write_text(kept[0].replace("Est-ce rouge ?", "Est-ce bien rouge ?", 1), encoding="utf-8")
    data.write_text(kept[1].replace("carré", "cercle"), encoding="utf-8")
    try:
        done = reproduce("runs/own", "-o", "changed", "--anyway")
    finally:
        for path, text in zip((test, data), kept, strict=True):
            path.write_text(text, encoding="utf-8")
    assert done.exit_code == 0, done.output
    told = json.loads((place / "changed/reproduction.json").read_text(encoding="utf-8"))
    changed = {each["what"] for each in told["data"]}
    assert changed == {"data.human", "test pope=pope-{language}.jsonl (fr)", "questions of pope (fr)"}
    assert not told["same"]
    reasons = {each["reason"] for each in told["not_comparable"]}
    assert reasons == {"another prompt: 1 of 16 questions are asked in other words"}
    assert {(each["arm"], each["language"]) for each in told["comparisons"]} == {("english", "en"), ("lora", "en")}
    assert "Data: data.human: changed; test pope" in done.stdout and "of 64 answers are the same" in done.stdout


@pytest.mark.parametrize(
    ("content", "out", "said"),
    [
        ({"arms": []}, "x", "doesn't hold the settings that it was made by"),
        ({"figures": []}, "x", "holds no results of a comparison, but those of an evaluation"),
        ({"arms": [], "config": {"target": "fr"}}, "x", "this file is of an older version"),
        (None, "runs/own", "holds the results that are to be made again"),
    ],
)
def test_what_cannot_be_run_again_is_said(place: Path, content: Any, out: str, said: str) -> None:
    given = place / "runs/own/results.json"
    if content is not None:
        given = place / "given.json"
        given.write_text(json.dumps(content), encoding="utf-8")
    done = reproduce(str(given), "-o", out)
    assert (done.exit_code, said in done.stderr) == (2, True), done.output
