"""The embedded base runs the same experiment file as any other model, apart from `model:`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from comparison.conftest import compare
from comparisons import ARMS, write_experiment, write_own
from passerelle.cli import main
from passerelle.runs import cache_folder

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tiny model's file on the embedded base, with the arms that differ in what they learn from."""
    place = write_own(tmp_path_factory.mktemp("own"))
    arms = {name: ARMS[name] for name in ("zero-shot", "pipeline", "lora-gated", "lora-repaired")}
    train = {"max_steps": 2, "per_device_train_batch_size": 2, "dtype": "float32"}
    write_experiment(place, arms=arms, seeds=[1], train=train)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        yield compare("--model", "embedded")[0]


def test_every_arm_is_done(embedded: dict[str, Any]) -> None:
    arms = {arm["name"]: arm for arm in embedded["arms"]}
    assert all(arm["status"] == "done" and arm["scores"] for arm in arms.values()), arms
    assert {score["test"] for score in arms["lora-repaired"]["scores"]} == {"human", "machine", "english"}
    assert embedded["data"]["base"] == "embedded"


def test_its_arms_answer_and_are_evaluated(embedded: dict[str, Any]) -> None:
    said = CliRunner().invoke(
        main, ["answer", "red.png", "Qu'est-ce que c'est ?", "--run", "runs/own", "--arm", "pipeline"]
    )
    assert said.exit_code == 0 and said.stdout.strip(), said.stderr
    command = ["evaluate", "runs/own:lora-gated", "--benchmark", "pope=pope-{language}.jsonl", "--language", "fr"]
    done = CliRunner().invoke(main, [*command, "--method", "sum", "--json", "--out", "out"])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["figures"][0]["units"] == 16


def test_its_adapters_name_a_base_that_another_machine_has(embedded: dict[str, Any]) -> None:
    for path in Path("runs/own/arms").glob("*/adapter/adapter_config.json"):
        base = json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"]
        assert str(cache_folder()) not in base
        assert base == "embedded"
