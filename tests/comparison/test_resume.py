"""Killed in any phase, the same command goes on to the same results; Ctrl-C says so."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from comparisons import own_cache, scores, write_experiment, write_own
from families.tiny import build
from forked import Forked, fork

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


def compare(place: Path, out: str) -> Forked:
    return fork(["compare", "own.yaml", "--out", out, "--json"], place, {"PASSERELLE_CACHE": cache_of(place, out)}, out)


def results(running: Forked) -> dict[str, Any]:
    assert running.wait(600) == 0, running.err.read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(running.out.read_text(encoding="utf-8"))
    return found


def test_killed_in_every_phase(place: Path) -> None:
    whole = results(compare(place, "whole"))
    for phase in PHASES:
        running = compare(place, "killed")
        running.wait_for(phase, 300)
        running.signal(signal.SIGKILL)
        assert running.wait(60) == -signal.SIGKILL
        assert not (place / "killed" / "results.json").exists()
    assert scores(results(compare(place, "killed"))) == scores(whole)


def test_ctrl_c(place: Path) -> None:
    running = compare(place, "stopped")
    running.wait_for("zero-shot: mmbench (fr)", 300)
    running.signal(signal.SIGINT)  # a terminal sends it to the whole group, Apertium's processes too
    assert running.wait(200) == 130
    said = running.err.read_text(encoding="utf-8")
    last = "passerelle: stopped. What is finished is kept: the same command goes on from there."
    assert said.strip().splitlines()[-1] == last
    assert "Traceback" not in said
