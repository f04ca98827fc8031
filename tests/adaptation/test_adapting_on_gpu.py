"""On a GPU tiny models learn as on a CPU, in every method; where there is none, see `tests/conftest.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from test_processes import launch

from adaptations import adapt_and_kill, losses
from passerelle.adaptation.run import adapt
from passerelle.adaptation.settings import AdaptSettings
from passerelle.formats.conversations import read_conversations
from passerelle.models.conversing import Encoder
from passerelle.models.pretrained import load_pretrained
from passerelle.models.vision_cache import VisionFeatures

Make = Callable[..., AdaptSettings]
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# Llama behind CLIP, tiles, places in a grid.
CHOSEN = ("llava", "idefics3", "qwen2_5_vl")
# bf16 has 8 bits: losses of about 6 nats a token, over 8 steps.
BF16 = 0.15

ALONE = """
import json, sys
from pathlib import Path
from families import tiny
from passerelle.adaptation.run import adapt
from passerelle.adaptation.settings import load_adaptation
print(json.dumps(adapt(load_adaptation(Path(sys.argv[1])))))
"""

pytestmark = pytest.mark.gpu


def on_the_cpu(path: Path) -> dict[str, Any]:
    """Adapt by a file in a process that sees no GPU."""
    here = str(Path(__file__).resolve().parents[1])
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": os.pathsep.join([here, *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(path)], env=hidden, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    record: dict[str, Any] = json.loads(done.stdout)
    return record


@pytest.mark.parametrize("method", ["lora", "two-stage", "full"])
@pytest.mark.parametrize("family", CHOSEN)
def test_every_method_learns_in_bf16(settings: Make, family: str, method: str) -> None:
    record = adapt(settings(family, method=method, dtype="bfloat16", max_steps=24))
    assert record["device"] == f"1 × {DEVICE}"
    assert {row["dtype"] for stage in record["stages"] for row in stage["parts"]} == {"bfloat16"}
    first, *_, last = losses(record)
    assert last < first - 0.1
    kind = "adapter" if method == "lora" else "model"
    name = "adapter_model" if method == "lora" else "model"
    written = load_file(Path(record["outputs"][kind]) / f"{name}.safetensors")
    assert all(torch.isfinite(value).all() for value in written.values())


@pytest.mark.parametrize("family", CHOSEN)
def test_the_losses_are_those_of_a_cpu(settings: Make, tmp_path: Path, family: str) -> None:
    settings(family, output_dir=str(tmp_path / "cpu"))
    expected = losses(on_the_cpu(tmp_path / "adapt.yaml"))
    exact = losses(adapt(settings(family, output_dir=str(tmp_path / "fp32"))))
    half = losses(adapt(settings(family, output_dir=str(tmp_path / "bf16"), dtype="bfloat16")))
    assert exact == pytest.approx(expected, abs=2e-3)
    assert half == pytest.approx(expected, abs=BF16)


@pytest.mark.parametrize("family", CHOSEN)
def test_ligers_kernels_learn_the_same(settings: Make, tmp_path: Path, family: str) -> None:
    pytest.importorskip("liger_kernel")
    if DEVICE == "cpu":
        pytest.skip("Liger's kernels are a GPU's")
    plain, fused = (
        adapt(settings(family, output_dir=str(tmp_path / str(used)), dtype="bfloat16", use_liger_kernel=used))
        for used in (False, True)
    )
    assert losses(fused) == pytest.approx(losses(plain), abs=BF16 / 2)
    names = [set(load_file(Path(run["outputs"]["adapter"]) / "adapter_model.safetensors")) for run in (plain, fused)]
    assert names[0] == names[1]


def test_adapters_learn_on_four_bits(settings: Make) -> None:
    pytest.importorskip("bitsandbytes")
    record = adapt(settings(max_steps=24, dtype="bfloat16", load_in_4bit=True))
    (language,) = [row for row in record["stages"][0]["parts"] if row["part"] == "language"]
    assert "uint8" in language["dtype"]
    first, *_, last = losses(record)
    assert last < first - 0.1


@pytest.mark.parametrize("family", CHOSEN)
def test_features_are_those_of_a_cpu_and_computed_once(
    family: str, models: Callable[[str], Path], data: Path, tmp_path: Path
) -> None:
    given, _ = read_conversations(data / "fr.json", images=None, language="fr", origin="machine")
    pretrained = load_pretrained(models(family), dtype="float32", device=DEVICE)
    rows = [row.images for c in given[:4] for row in Encoder(pretrained, 1000)(c)]
    vision = VisionFeatures(pretrained, tmp_path)
    vision.prepare(rows)
    assert vision.computed == 4
    again = VisionFeatures(pretrained, tmp_path)
    again.prepare(rows)
    assert again.computed == 0
    cpu = VisionFeatures(load_pretrained(models(family), dtype="float32"), None)
    cpu.prepare(rows)
    found, expected = (flat(features.outputs(rows)["image"].pooler_output) for features in (again, cpu))
    assert found.device.type == DEVICE
    torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=2e-3)


def flat(features: Any) -> torch.Tensor:
    parts = features if isinstance(features, list) else [features]
    return torch.cat([part.reshape(-1, part.shape[-1]) for part in parts])


def test_a_killed_run_goes_on(settings: Make, tmp_path: Path) -> None:
    changes = {"save_steps": 2, "dtype": "bfloat16"}
    whole = adapt(settings(output_dir=str(tmp_path / "whole"), **changes))
    settings(**changes)
    adapt_and_kill(tmp_path / "adapt.yaml")
    resumed = adapt(settings(**changes))
    assert resumed["stages"][0]["record"]["steps"] == 8
    # A GPU adds up in an order of its own.
    assert losses(resumed) == pytest.approx(losses(whole), abs=2e-2)


@pytest.mark.skipif(DEVICE == "cuda" and torch.cuda.device_count() < 2, reason="one GPU")
def test_two_gpus_learn_what_one_learns_over_nccl(settings: Make, tmp_path: Path) -> None:
    alone = adapt(settings(gradient_accumulation_steps=2, max_steps=4))
    settings(max_steps=4, output_dir=str(tmp_path / "two"))
    done = launch("-m", "passerelle", "adapt", str(tmp_path / "adapt.yaml"), "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    together = json.loads(done.stdout)
    assert together["device"] == f"2 × {DEVICE}"
    assert losses(together) == pytest.approx(losses(alone), abs=5e-3)
