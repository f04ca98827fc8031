"""The experiments that ship run from their files as they are, with a few steps and questions each."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from comparisons import own_cache
from passerelle.comparison.run import compare
from passerelle.comparison.settings import SMOKE, load_experiment
from passerelle.example import files
from passerelle.example.embedded import assemble
from passerelle.progress import shown

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"

ROWS = 60
"""Of each of the example's files in the demo: two steps and two questions need no more of them translated."""

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first rows of the example in French, in a cache of its own; the base is the user's."""
    whole, base = files.resolve("train-en.json", "fr").parent, assemble()
    cache = tmp_path / "cache"
    monkeypatch.setenv("PASSERELLE_CACHE", own_cache(cache))
    (cache / base.name).symlink_to(base)
    folder = files.example_folder() / whole.name
    folder.mkdir(parents=True)
    (folder.parent / files.PICTURES).mkdir()
    for path in [*whole.glob("*.json"), *whole.glob("*.jsonl")]:
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)[:ROWS]
        kept = "".join(lines) if path.suffix == ".jsonl" else json.dumps(first_rows(json.loads(text)))
        (folder / path.name).write_text(kept, encoding="utf-8")
        for name in set(re.findall(rf"{files.PICTURES}/[^\"]+", kept)):
            shutil.copy(whole.parent / name, folder.parent / name)


def first_rows(content: Any) -> Any:
    """Return a list or a table of rows with the first of them, or the lists of a table of lists so."""
    if isinstance(content, list):
        return content[:ROWS]
    if all(isinstance(value, list) for value in content.values()):
        return {name: value[:ROWS] for name, value in content.items()}
    return dict(list(content.items())[:ROWS])


def run(name: str, folder: Path) -> dict[str, Any]:
    experiment = load_experiment(EXPERIMENTS / f"{name}.yaml", SMOKE)
    with shown(False):
        results = compare(experiment.model_copy(update={"seeds": experiment.seeds[:1]}), folder)
    failed = {arm["name"]: arm["error"] for arm in results["arms"] if arm["status"] != "done" or not arm["scores"]}
    assert not failed
    base = ["english"] if experiment.english else []
    assert [arm["name"] for arm in results["arms"]] == [*base, *experiment.arms]
    assert (folder / "report.html").is_file()
    return results


def test_the_demo(tmp_path: Path, beginning: None) -> None:
    results = run("demo", tmp_path / "run")
    assert results["main_test"] == "human"
    tests = {(score["metric"], score["test"]) for arm in results["arms"] for score in arm["scores"]}
    assert {("choice", "human"), ("choice", "machine"), ("yes-no", "human"), ("caption chrf", "human")} <= tests
    assert {arm["name"]: arm["trained_on"] for arm in results["arms"] if arm["trained_on"]} == {
        "lora-mt": "machine",
        "lora-human": "human-translation",
        "two-stage-mt": "machine",
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["curves", "methods", "quality", "study"])
def test_the_longer_ones(name: str, tmp_path: Path) -> None:
    run(name, tmp_path)
