"""Killed in any phase, the same command goes on to the same results; Ctrl-C says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from comparisons import own_cache, scores, write_experiment, write_own
from families.tiny import build

pytestmark = pytest.mark.timeout(900)
ARMS = {
    "zero-shot": None,
    "pipeline": None,
    "lora": {"text": "machine"},
    "lora-gated": {"method": "lora", "text": "machine", "screen": "gate"},
    "lora-repaired": {"method": "lora", "text": "machine", "screen": "repair"},
}
PHASES = (
    "translating mmb-en.tsv into fr",
    "translating en.json into fr",
    "training: training",
    "lora-gated (seed 1)",
    "lora-repaired (seed 1)",
    "zero-shot: mmbench (fr)",
    "pipeline: pope (fr)",
    "lora-gated: mmbench (machine) (fr)",
)
"""What is said at the beginning of each phase: there it is killed, one after the other in the same run folder."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_own(tmp_path_factory.mktemp("own"))
    build("llava", folder / "model")
    write_experiment(folder, arms=ARMS, seeds=[1])
    return folder


def cache_of(place: Path, out: str) -> str:
    cache = place / f"cache-{out}"
    return str(cache) if cache.is_dir() else own_cache(cache)


def start(place: Path, out: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PASSERELLE_CACHE": cache_of(place, out), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "passerelle", "compare", "own.yaml", "--out", out, "--json"],
        cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    results: dict[str, Any] = json.loads(out)
    return results


def wait_for(process: subprocess.Popen[str], line: str) -> None:
    assert process.stderr is not None
    for said in process.stderr:
        if said.startswith(line):
            return
    raise AssertionError(f"it ended ({process.wait()}) without saying {line!r}")


def test_killed_in_every_phase(place: Path) -> None:
    whole = finish(start(place, "whole"))
    for phase in PHASES:
        process = start(place, "killed")
        wait_for(process, phase)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not (place / "killed" / "results.json").exists()
    assert scores(finish(start(place, "killed"))) == scores(whole)


def test_ctrl_c(place: Path) -> None:
    process = start(place, "stopped")
    wait_for(process, "zero-shot: mmbench (fr)")
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group, Apertium's processes too
    _, said = process.communicate(timeout=200)
    assert process.returncode == 130
    last = "passerelle: stopped. What is finished is kept: the same command goes on from there."
    assert said.strip().splitlines()[-1] == last
    assert "Traceback" not in said
