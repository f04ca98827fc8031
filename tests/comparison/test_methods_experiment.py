"""`experiments/methods.yaml` runs as a user types it: all methods on the embedded base, a few steps and questions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

METHODS = Path(__file__).resolve().parents[2] / "experiments" / "methods.yaml"
pytestmark = pytest.mark.timeout(900)


def test_all_methods_run_from_files(tmp_path: Path) -> None:
    few = ["--train", "20", "--stamps", "3", "--emoji", "2"]
    for command in (["export", "example-data", "--image-mark", "last", *few], ["compare", str(METHODS), "--smoke"]):
        done = subprocess.run(
            [sys.executable, "-m", "passerelle", *command, "--json"], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    arms = {arm["name"]: arm for arm in results["arms"]}
    trained = {"lora", "two-stage", "text-regularized", "merged", "lora-human"}
    assert set(arms) == {"english", "zero-shot", "prompted", "pipeline", *trained}
    assert not any(arm.get("error") for arm in arms.values())
    assert all(arm["scores"] for arm in arms.values())
    assert (tmp_path / "runs" / "methods-smoke" / "report.html").is_file()
