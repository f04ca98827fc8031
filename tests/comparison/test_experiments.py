"""The experiments that ship run from their files as they are, with a few steps and questions each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from passerelle.comparison.run import compare
from passerelle.comparison.settings import SMOKE, load_experiment
from passerelle.progress import shown

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"

pytestmark = pytest.mark.timeout(1800)


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


def test_the_demo(tmp_path: Path) -> None:
    results = run("demo", tmp_path)
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
