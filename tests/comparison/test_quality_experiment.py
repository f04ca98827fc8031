"""`experiments/quality.yaml` runs: gate, repair and training on what they leave, on a handful of pictures."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(shutil.which("apertium") is None, reason="install apertium")
def test_selected_repaired_and_human_text_are_trained_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "passerelle", "compare", str(ROOT / "experiments" / "quality.yaml")]
    command += ["--smoke", "--seeds", "1", "--out", str(tmp_path / "run"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1400)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    arms = {arm["name"]: arm for arm in results["arms"]}
    assert {name: arm["trained_on"] for name, arm in arms.items()} == {
        "zero-shot": None,
        "lora-mt": "machine",
        "lora-filtered": "machine",
        "lora-random": "machine",
        "lora-repaired": "repaired",
        "lora-human": "human-translation",
    }
    assert all(arm["status"] == "done" for arm in arms.values())
    text = results["data"]["training_text"]
    assert [text[name]["pictures"] for name in ("machine", "filtered", "random", "repaired")] == [24, 14, 14, 24]
    assert text["repaired"]["changed"] > 0 == text["filtered"]["changed"]
    phases = {name: {p["phase"]: p for p in arm["cost"]["phases"]} for name, arm in arms.items()}
    assert phases["lora-filtered"]["training data, checks"]["seconds"] > 0
    assert phases["lora-repaired"]["training data, checks and repair"]["seconds"] > 0
    assert arms["lora-human"]["cost"]["total_expert_minutes"] > 1 > arms["lora-mt"]["cost"]["total_expert_minutes"]
    gains = {(row["arm"], row["metric"], row["test"]): row for row in results["gains"]}
    human = gains["lora-human", "choice", "human"]
    assert human["per_expert_minute"]["value"] == pytest.approx(human["points"] / human["more_expert_minutes"])
    assert ("lora-repaired", "choice", "english") in gains
    compared = {(c["arm"], c["against"]) for c in results["comparisons"]}
    assert {("lora-filtered", "lora-random"), ("lora-human", "lora-repaired"), ("zero-shot", "lora-mt")} <= compared
    gate = next((tmp_path / "run" / "quality").glob("gate-*.json"))
    decisions = json.loads(gate.read_text(encoding="utf-8"))["decisions"]
    assert len(decisions) == 24 and all(decision["reason"] for decision in decisions)
