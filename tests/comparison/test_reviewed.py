"""Experts' work and a comparison: answers to judge, arms out of date, the change in score per expert hour."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from passerelle.cli import main
from passerelle.compare.reviewed import change_lines, per_hour, read_review, with_corrections
from passerelle.config import load_experiment
from passerelle.errors import ConfigError, InputError
from passerelle.evaluation.statistics.scores import Difference
from passerelle.translation.memory.memory import TranslationMemory

TINY = """
name: tiny
arms: [prompted, lora-mt]
test: {stamps: 3, emoji: 2, human: [choice-random, caption], machine: [], english: []}
budget: {tokens: 320, pictures: 8, trees_per_step: 1, nodes_per_tree: 64}
examples: 2
"""


def applied(folder: Path, corrections: dict[str, str], hours: float = 0.5) -> Path:
    """Write what `passerelle review apply` leaves."""
    memory = folder / "memory.sqlite"
    with TranslationMemory(memory) as opened:
        opened.store(list(corrections.items()), "en", "fr", "review x", "human-translation")
        opened.store([("a dog", "machine's own")], "en", "fr", "some engine", "machine")
    content = {
        "memory": str(memory), "languages": ["en", "fr"], "expert_hours": hours, "corrections": len(corrections),
        "corrected_sources": sorted(corrections),
    }  # fmt: skip
    (folder / "applied.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "applied.json"


def test_people_come_before_the_engine_and_only_people(tmp_path: Path) -> None:
    review = read_review(applied(tmp_path, {"a cat": "un matou"}))

    def engine(texts: Sequence[str]) -> list[str]:
        return [f"mt {text}" for text in texts]

    assert with_corrections(engine, review, "fr")(["a cat", "a dog"]) == ["un matou", "mt a dog"]
    assert with_corrections(engine, None, "fr") is engine
    with pytest.raises(ConfigError, match="the review is of 'fr', the experiment of 'es'"):
        with_corrections(engine, review, "es")


def test_a_review_that_isnt_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no review at"):
        read_review(tmp_path / "applied.json")
    path = applied(tmp_path, {})
    (tmp_path / "memory.sqlite").unlink()
    with pytest.raises(InputError, match="memory .* is gone"):
        read_review(path)


def test_what_an_hour_brought() -> None:
    difference = Difference("lora-mt", "before", "choice", "human", "all", 3.0, 1.0, 5.0, 0.01)
    row = per_hour(difference, 0.5)
    assert row["per_expert_hour"] == {"difference": 6.0, "low": 2.0, "high": 10.0}
    assert per_hour(difference, 0.0)["per_expert_hour"] is None
    change = {"expert_hours": 0.5, "corrections": 1200, "changes": [row], "without_before": ["two-stage-mt"]}
    assert change_lines(change) == [
        "Review: 1,200 corrections in 0.50 expert hours.",
        "  lora-mt, choice: +3.0 [+1.0, +5.0]; per expert hour +6.0 [+2.0, +10.0]",
        "  two-stage-mt: not run before the review, so no change can be said",
    ]
    assert "no arm" in change_lines({**change, "changes": [], "without_before": []})[1]


def compare(folder: Path, *more: str) -> dict[str, Any]:
    experiment = folder.with_name("tiny.yaml")
    experiment.write_text(TINY, encoding="utf-8")
    command = [sys.executable, "-m", "passerelle", "compare", str(experiment), "--out", str(folder), "--json", *more]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results: dict[str, Any] = json.loads(done.stdout)
    return results


@pytest.mark.timeout(600)
def test_only_what_a_review_touches_is_run_again(tmp_path: Path) -> None:
    from passerelle.compare.data import prepare

    before = compare(tmp_path / "run")
    assert before["review"] is None

    # Answers to judge: the same that the run gave, under the arms' names, with an automatic score.
    where = str(tmp_path / "review.sqlite")
    options = ["--run", str(tmp_path / "run"), "--arms", "prompted,lora-mt", "--tasks", "judge", "--json"]
    made = CliRunner().invoke(main, ["review", "create", "c", "--db", where, *options], catch_exceptions=False)
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["items"]["judge"] >= 4
    from passerelle.compare.answered import read_run

    rows = {row.id: row for row in read_run(tmp_path / "run", ["prompted", "lora-mt"])}
    shown = before["examples"][0]
    captions = next(row for row in rows.values() if row.cluster == shown["picture"] and row.stratum == "caption")
    assert captions.answers == {arm: shown["captions"][arm] for arm in ("prompted", "lora-mt")}
    choice = next(row for row in rows.values() if row.cluster == shown["picture"] and row.stratum != "caption")
    assert set(choice.automatic.values()) <= {0.0, 100.0} and choice.reference
    assert captions.picture is not None and captions.picture.is_file()

    # Corrections of what is in no training sample make nothing out of date; those of training captions do.
    elsewhere = applied(tmp_path, {"nothing of the kind": "rien"})
    command = ["review", "apply", "--db", where, "--out", str(tmp_path / "out"), "--memory", str(tmp_path / "m.sqlite")]
    command += ["--run", str(tmp_path / "run"), "--json"]
    done = json.loads(CliRunner().invoke(main, command, catch_exceptions=False).stdout)
    assert done["outdated"] == {str(tmp_path / "run"): []}
    untouched = compare(tmp_path / "run", "--review", str(elsewhere))
    assert untouched["review"]["changes"] == []
    train = prepare(load_experiment(tmp_path / "tiny.yaml")).train
    review = applied(tmp_path, {p.captions["en"].text: p.captions["fr"].text for p in train})
    from passerelle.compare.reviewed import outdated_arms

    assert outdated_arms(tmp_path / "run", read_review(review)) == ["lora-mt"]
    folders = {path.name for path in (tmp_path / "run" / "arms").iterdir()}
    after = compare(tmp_path / "run", "--review", str(review))
    new = {path.name for path in (tmp_path / "run" / "arms").iterdir()} - folders
    assert [name.partition("-seed")[0] for name in new] == ["lora-mt"], "the other arm isn't run again"
    changes = {(row["metric"], row["source"]): row for row in after["review"]["changes"]}
    old, own = (
        {(s["metric"], s["source"]): s["value"] for s in arm["scores"] if s["test"] == "human"}
        for results in (before, after)
        for arm in results["arms"]
        if arm["name"] == "lora-mt"
    )
    row = changes["choice", "all"]
    assert row["difference"] == pytest.approx(own["choice", "all"] - old["choice", "all"], abs=1e-6)
    assert row["low"] <= row["difference"] <= row["high"]
    assert row["per_expert_hour"]["difference"] == pytest.approx(row["difference"] / 0.5)
    assert after["review"]["expert_hours"] == 0.5 and after["review"]["without_before"] == []
