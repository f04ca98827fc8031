"""Learned estimators are asked over a process boundary: real processes here, with a stand-in for the model."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import pytest

from passerelle.errors import MissingDependency, RunError
from passerelle.quality.base import UNKNOWN, Pair
from passerelle.quality.checks.learned import LearnedCheck, estimators
from passerelle.quality.checks.registry import build_checks
from passerelle.quality.engines import Engines
from passerelle.quality.evidence import worker

PAIRS = [Pair("A dog.", "Un chien."), Pair("A dog.", "Un dog énorme."), Pair("A dog.", " ")]
STAND_IN = '''
"""The worker that ships, with a stand-in for the model: a score by the number of letters."""
import runpy, sys, types

class Found:
    def __init__(self, scores): self.scores = scores

class Model:
    def predict(self, rows, **options):
        print("a library talks on stdout")
        if any(row["mt"] == "fail" for row in rows):
            raise ValueError("no such text")
        return Found([len(row["mt"]) / 100 for row in rows])

comet = types.ModuleType("comet")
comet.download_model = lambda model: model
comet.load_from_checkpoint = lambda path: Model()
sys.modules["comet"] = comet
sys.modules["torch"] = types.SimpleNamespace(cuda=types.SimpleNamespace(is_available=lambda: False))
import importlib.metadata
importlib.metadata.version = lambda name: "stand-in"
sys.argv = ["learned_scorer.py", "cometkiwi", "Unbabel/wmt22-cometkiwi-da"]
runpy.run_path({script!r}, run_name="__main__")
'''
WORKER = str(files("passerelle.data").joinpath("workers").joinpath("learned_scorer.py"))


@pytest.fixture
def stand_in(tmp_path: Path) -> list[str]:
    path = tmp_path / "stand_in.py"
    path.write_text(STAND_IN.replace("{script!r}", repr(WORKER)), encoding="utf-8")
    return [sys.executable, str(path)]


def speaks(tmp_path: Path, code: str) -> LearnedCheck:
    path = tmp_path / "worker.py"
    path.write_text(f"import json, sys\nprint(json.dumps({{'ready': 'm', 'version': '1'}}), flush=True)\n{code}\n")
    return LearnedCheck(estimators()["metricx"], [sys.executable, str(path)])


def test_the_worker_that_ships_scores_by_its_model(stand_in: list[str]) -> None:
    check = LearnedCheck(estimators()["cometkiwi"], stand_in)
    assert check.signature == "cometkiwi 1|Unbabel/wmt22-cometkiwi-da stand-in"
    first, second, blank = check.assess(PAIRS)
    assert (first.score, first.values) == (0.09, {"raw": 0.09})
    assert second.score == 0.14 and second.reason == "COMETKiwi gives it 0.14"
    assert blank is UNKNOWN
    with pytest.raises(RunError, match="COMETKiwi: ValueError: no such text"):
        check.assess([Pair("A dog.", "fail")])
    assert check.assess(PAIRS[:1])[0].score == 0.09, "it goes on after an error"
    check.close()


def test_errors_of_metricx_are_turned_round(tmp_path: Path) -> None:
    echo = "for line in sys.stdin: print(json.dumps({'scores': [5.0] * len(json.loads(line)['pairs'])}), flush=True)"
    check = speaks(tmp_path, echo)
    assert check.assess(PAIRS[:1])[0].score == pytest.approx(0.8)
    check.close()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.exit('out of memory')", "MetricX-24 ended with code 1: out of memory"),
        ("input(); print('loading…')", "answered 'loading…', which is no JSON object"),
        ("input(); print(json.dumps({'scores': [1.0]}))", "gave no 2 numbers for 2 pairs"),
        ("input(); print(json.dumps({'scores': [1.0, float('nan')]}))", "gave no 2 numbers for 2 pairs"),
    ],
)
def test_a_worker_that_fails_is_named(tmp_path: Path, code: str, said: str) -> None:
    check = speaks(tmp_path, code)
    with pytest.raises(RunError) as failure:
        check.assess(PAIRS[:2])
    assert said in str(failure.value)
    check.close()


def test_a_worker_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "TO_ANSWER_SECONDS", 0.2)
    with pytest.raises(RunError, match="gave no answer in 0.2 s"):
        speaks(tmp_path, "import time; time.sleep(60)").assess(PAIRS[:1])


def test_without_its_environment_it_says_the_exact_commands(empty_cache: Path) -> None:
    folder = empty_cache / "environments" / "cometkiwi"
    (check,) = build_checks("en", "fr", Engines(), ["cometkiwi"])
    with pytest.raises(MissingDependency) as missing:
        _ = check.signature
    said = str(missing.value)
    typed = f"python3 -m venv {folder} && {folder}/bin/python -m pip install 'unbabel-comet>=2.2,<3'"
    assert f"passerelle setup cometkiwi, or {typed}" in said
    assert "CC BY-NC-SA" in said
