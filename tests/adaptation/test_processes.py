"""Several processes learn what one learns, with the layers whole on each or divided among them (FSDP)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from adaptations import be_killed, losses
from forked import fork_ranks
from passerelle.adaptation.run import adapt
from passerelle.adaptation.settings import AdaptSettings
from passerelle.errors import ConfigError, UserError

Make = Callable[..., AdaptSettings]
LAUNCH = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--rdzv_backend", "c10d"]
LAUNCH += ["--rdzv_endpoint", "localhost:0"]


def launch(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in two processes, each of one thread."""
    given = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *LAUNCH, *command], env=given, capture_output=True, text=True, timeout=250, check=False
    )


def adapted(path: Path) -> dict[str, Any]:
    done = launch("-m", "passerelle", "adapt", str(path), "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    record: dict[str, Any] = json.loads(done.stdout)
    return record


def forked(path: Path) -> dict[str, Any]:
    """Do the same without torchrun, which takes seconds to import everything twice."""
    ranks = fork_ranks(["adapt", str(path), "--json"], path.parent, "ranks")
    assert [rank.process.exitcode for rank in ranks] == [0, 0], ranks[0].err.read_text(encoding="utf-8")[-3000:]
    record: dict[str, Any] = json.loads(ranks[0].out.read_text(encoding="utf-8"))
    return record


def weights(record: dict[str, Any]) -> dict[str, torch.Tensor]:
    kind, name = ("adapter", "adapter_model") if "adapter" in record["outputs"] else ("model", "model")
    return load_file(Path(record["outputs"][kind]) / f"{name}.safetensors")


def assert_alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert losses(one) == pytest.approx(losses(other), abs=2e-3)
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=0, atol=2e-3, msg=name)


def test_two_processes_learn_what_one_learns(settings: Make, tmp_path: Path) -> None:
    # Of steps of two samples, three quarters of which are text, many move the language model alone.
    how = {"language": {"how": "lora", "learning_rate": 0.01}, "projector": {"how": "full", "learning_rate": 0.01}}
    changes: dict[str, Any] = {"stages": [{"name": "training", "train": how}], "learning_rate": None, "max_steps": 16}
    changes |= {"mix": {"text_only": 0.75}, "per_device_train_batch_size": 1}
    alone = adapt(settings(gradient_accumulation_steps=2, **changes))
    settings(output_dir=str(tmp_path / "two"), **changes)
    together = adapted(tmp_path / "adapt.yaml")
    assert together["device"].startswith("2 ")
    assert_alike(together, alone)
    assert together["stages"][0]["record"]["samples"] == alone["stages"][0]["record"]["samples"] == 32


FULL = [
    {"name": "first", "train": {"language": {"how": "lora", "learning_rate": 0.01}}},
    {"name": "second", "train": {p: {"how": "full", "learning_rate": 0.002} for p in ("language", "projector")}},
]


def test_divided_layers_learn_what_whole_ones_learn(settings: Make, tmp_path: Path) -> None:
    stages = {"stages": FULL, "learning_rate": None, "max_steps": 6}
    alone = adapt(settings(gradient_accumulation_steps=2, **stages))
    settings(output_dir=str(tmp_path / "divided"), fsdp=True, gradient_checkpointing=True, **stages)
    together = forked(tmp_path / "adapt.yaml")
    assert together["device"] == "2 × cpu, divided"
    assert_alike(together, alone)
    held, whole = (run["stages"][1]["held_parameters"] for run in (together, alone))
    parts = {row["part"]: row["parameters"] for row in alone["stages"][1]["parts"]}
    layers = parts["language"] - parts["head"]  # embeddings are as large as the head
    assert whole - held == pytest.approx(layers / 2, rel=0.02), "a process holds half of the layers"


def test_a_killed_divided_run_goes_on_to_the_same_adapter(settings: Make, tmp_path: Path) -> None:
    changes = {"save_steps": 2, "fsdp": True, "max_grad_norm": 0.5}
    settings(**changes)
    whole = forked(tmp_path / "adapt.yaml")
    settings(output_dir=str(tmp_path / "killed"), **changes)
    killed = fork_ranks([str(tmp_path / "adapt.yaml")], tmp_path, "killed-ranks", be_killed)
    assert -signal.SIGKILL in [rank.process.exitcode for rank in killed], killed[0].err.read_text(encoding="utf-8")
    saved = tmp_path / "killed" / "stages" / "training" / "checkpoint"
    assert sorted(path.name for path in saved.iterdir()) == [
        "checkpoint.json", "step-4.0.safetensors", "step-4.1.safetensors"
    ]  # fmt: skip
    resumed = forked(tmp_path / "adapt.yaml")
    assert losses(resumed) == losses(whole)
    one, other = weights(resumed), weights(whole)
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("other", ["load_in_4bit", "load_in_8bit", "auto_batch"])
def test_what_cannot_be_divided(settings: Make, other: str) -> None:
    with pytest.raises(ConfigError, match="fsdp"):
        settings(fsdp=True, **{other: True})


def test_one_process_has_nothing_to_divide(settings: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = adapt(settings(max_steps=2))
    same = adapt(settings(max_steps=2, fsdp=True, output_dir=str(tmp_path / "same")))
    assert losses(same) == losses(alone)
    assert same["device"] == "1 × cpu"
    assert "nothing is divided" in capsys.readouterr().err


@pytest.mark.parametrize("plugin", ["FSDP", "DEEPSPEED"])
def test_what_accelerate_would_do_by_itself_is_refused(
    settings: Make, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ACCELERATE_USE_{plugin}", "true")
    with pytest.raises(UserError, match=f"{plugin}.*--fsdp true"):
        adapt(settings(max_steps=1))
