"""A tiny comparison that was run, for tests that only look at it or go on from it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from comparisons import own_cache, write_experiment, write_own
from families.tiny import build
from passerelle.cli import main


@dataclass(frozen=True)
class Ran:
    """A comparison that was run: its working directory, run folder, results and what it said."""

    place: Path
    results: dict[str, Any]
    said: str

    @property
    def run(self) -> Path:
        return self.place / "runs" / "own"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Compute in one thread: for models this small more only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def compare(*arguments: str) -> tuple[dict[str, Any], str]:
    """Run the experiment of the working directory."""
    done = CliRunner().invoke(main, ["compare", "own.yaml", "--json", *arguments])
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tiny model, data and benchmarks; the working directory."""
    write_own(tmp_path)
    build("llava", tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PASSERELLE_CACHE", own_cache(tmp_path / "cache"))
    return tmp_path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """All arms on a tiny Qwen2-VL, once for all tests of a file; the working directory."""
    place = write_own(tmp_path_factory.mktemp("own"))
    build("qwen2_vl", place / "model")
    write_experiment(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("PASSERELLE_CACHE", own_cache(place / "cache"))
        results, said = compare()
        yield Ran(place, results, said)
    shutil.rmtree(place, ignore_errors=True)
