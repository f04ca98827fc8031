"""Pipelines by three engines and a served model plain, told and piped: arms of one file, in real processes, killed."""

from __future__ import annotations

import html
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from benchmark_files import write_lines
from comparison.conftest import compare
from comparisons import own_cache, scores, write_experiment
from forked import Forked, command_in_fp32, fork
from json_translator import make_json_translator
from passerelle.cli import main
from passerelle.evaluation.writing import read_answers
from passerelle.translation.engines import registry
from real_server import Counter

sys.path.insert(0, str(Path(__file__).parents[1] / "translation"))
from tiny_engines import convert, make_marian  # noqa: E402

pytest.importorskip("ctranslate2")
pytestmark = pytest.mark.timeout(600)
QUESTIONS = 4
"""In each of two tests, which ask the same about two pictures."""


@pytest.fixture
def counter(served_url: str) -> Iterator[Counter]:
    made = Counter(served_url)
    yield made
    made.close()


@pytest.fixture
def place(own: Path, counter: Counter) -> Path:
    """A folder with the file, its models and its tests; the vision-language model is on this machine, and served."""
    convert(make_marian(own / "marian"), own / "en-fr", "source.spm", "target.spm")
    make_json_translator(own / "translator")
    rows = (own / "pope-fr.jsonl").read_text("utf-8").splitlines()
    for number, name in enumerate(("red", "blue")):
        asked = [json.loads(row) for row in rows[number * QUESTIONS : (number + 1) * QUESTIONS]]
        write_lines(own / f"{name}-fr.jsonl", asked)
    served = f"openai{{concurrency: 1, first_wait_seconds: 0.05, input_price: 10}}:{own / 'model'}@{counter.url}"
    options = {"texts_at_once": 1, "concurrency": 1, "input_price": 100}
    back = {"engine": "ctranslate2:en-fr", "options": {"longest_tokens": 96}}
    chat = {"engine": f"openai:{own / 'translator'}@{counter.url}", "options": options}
    arms = {
        "zero-shot": None,
        "served": {"method": "zero-shot", "model": served},
        "told": {"method": "prompted", "model": served},
        "around": {"method": "pipeline", "model": served},
        "pipeline": None,
        "mixed": {"method": "pipeline", "translation": {"into": "apertium", "back": back}},
        "chat": {"method": "pipeline", "translation": chat},
    }
    tests = [{"benchmark": f"pope={name}-{{language}}.jsonl", "name": name} for name in ("red", "blue")]
    write_experiment(own, arms=arms, tests=tests, answers="generate", english=False)
    return own


def start(place: Path) -> Forked:
    arguments = ["compare", "own.yaml", "--out", "killed", "--json"]
    return fork(arguments, place, {"PASSERELLE_CACHE": str(place / "killed-cache")}, "killed", command_in_fp32)


def kill_when(counter: Counter, holds: Callable[[dict[str, Any]], bool], place: Path) -> None:
    """Start the comparison, and kill it when it waits for a reply that the server isn't asked for."""
    for event in (counter.waiting, counter.gone):
        event.clear()
    counter.holds = holds
    running = start(place)
    try:
        assert counter.waiting.wait(200), running.err.read_text(encoding="utf-8")
        time.sleep(0.5)  # what came is written down, and nothing more comes
    finally:
        running.signal(signal.SIGKILL)
        assert running.wait(60) == -signal.SIGKILL
        counter.gone.set()
    counter.holds = lambda body: False
    assert not (place / "killed" / "results.json").exists()


def bodies(requests: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(body) for body in requests)


def test_all_kinds_of_engines_and_models_are_arms_of_one_file(
    place: Path, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("passerelle.models.pretrained.best_dtype", lambda device: torch.float32)
    results, _ = compare()
    arms = {arm["name"]: arm for arm in results["arms"]}
    assert all(arm["status"] == "done" and arm["scores"] for arm in arms.values()), results["notes"]
    _check_names(arms, (place / "runs" / "own" / "report.html").read_text("utf-8"))
    _check_costs(arms)
    said: dict[str, list[str]] = {}
    for row in read_answers(place / "runs" / "own" / "evaluation" / "answers.jsonl"):
        said.setdefault(row["system"], []).append(row["text"])
    assert said["served"] == said["zero-shot"], "the server's answers are those of the model in this process"
    assert said["around"] == said["pipeline"]
    assert len({tuple(texts) for texts in said.values()}) == len(said) - 2

    whole, vlm, translator = list(counter.answered), place / "model", place / "translator"
    assert len(bodies(whole)) == len(set(bodies(whole))), "no two requests are the same"
    counter.answered.clear()
    own_cache(place / "killed-cache")
    # In the pipeline around the served model, between the second and the third question of the second test.
    kill_when(counter, lambda body: len(counter.of(vlm)) == 5 * QUESTIONS + 2, place)
    kept = [*(place / "killed" / "evaluation" / "answers").glob("around-*/*.jsonl")]
    assert [path.name.partition("-")[0] for path in kept] == ["red"], "the second test isn't finished"
    # In the pipeline by a served translator, between two texts.
    kill_when(counter, lambda body: len(counter.of(translator)) == 3, place)
    assert len(counter.of(vlm)) == 6 * QUESTIONS
    resumed = start(place)
    assert resumed.wait(200) == 0, resumed.err.read_text(encoding="utf-8")
    assert bodies(counter.answered) == bodies(whole), "nothing is asked, or paid, twice"
    found = json.loads(resumed.out.read_text(encoding="utf-8"))
    assert scores(found) == scores(results)
    for arm in found["arms"]:
        counted = ("sentences_translated", "characters_translated")
        assert [arm["cost"][key] for key in counted] == [arms[arm["name"]]["cost"][key] for key in counted], arm["name"]
        assert arm["translated_by"] == arms[arm["name"]]["translated_by"]
        assert arm["cost"]["engine_eur"] == pytest.approx(arms[arm["name"]]["cost"]["engine_eur"], rel=0.5)

    # All is known now: no engine is opened to find that out. An arm is opened by its name, a served one too.
    monkeypatch.setenv("PASSERELLE_CACHE", str(place / "killed-cache"))
    monkeypatch.delitem(registry.ENGINES, "ctranslate2")
    again, _ = compare("--out", "killed")
    assert scores(again) == scores(results) and len(counter.answered) == len(whole)
    command = ["answer", str(place / "red.png"), "Est-ce rouge ?", "--run", "killed", "--arm", "around"]
    assert CliRunner().invoke(main, command, catch_exceptions=False).exit_code == 0
    assert len(counter.answered) == len(whole) + 1


def _check_names(arms: dict[str, Any], page: str) -> None:
    """Every arm says who answers and by whose work, in the results and on the page."""
    by = {name: arm["translated_by"] for name, arm in arms.items()}
    assert [name for name, signatures in by.items() if signatures] == ["around", "pipeline", "mixed", "chat"]
    (rules,), (mixed,), (chat,) = by["pipeline"], by["mixed"], by["chat"]
    assert by["around"] == [rules] and rules.startswith("fr>en apertium") and "; en>fr apertium" in rules
    assert mixed.startswith("fr>en apertium") and "; en>fr ctranslate2" in mixed
    assert "fr>en openai" in chat and "; en>fr openai" in chat
    assert arms["told"]["title"] == "Prompted, model" and arms["around"]["title"] == "Translation pipeline, model"
    assert arms["served"]["model"].startswith("openai{") and arms["pipeline"]["model"] == "model"
    assert all(html.escape(signature) in page for signature in (rules, mixed, chat))


def _check_costs(arms: dict[str, Any]) -> None:
    costs = {name: arm["cost"] for name, arm in arms.items()}
    assert {name for name, cost in costs.items() if cost["sentences_translated"]} == {
        "around", "pipeline", "mixed", "chat"
    }  # fmt: skip
    assert all(cost["characters_translated"] >= 5 * cost["sentences_translated"] for cost in costs.values())
    assert {name for name, cost in costs.items() if cost["engine_eur"]} == {"served", "told", "around", "chat"}
    assert {name for name, cost in costs.items() if cost["per_1000"]["flops"] is None} == {"served", "told", "around"}
