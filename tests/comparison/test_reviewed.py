"""Experts' corrections and a comparison: what is out of date and run again, the change in score per expert hour."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from comparison.conftest import compare
from comparisons import scores, write_experiment
from passerelle.cli import main
from passerelle.comparison.reviewed import change_lines, read_review
from passerelle.comparison.run import outdated_arms
from passerelle.errors import ConfigError, InputError
from passerelle.translation.memory.memory import TranslationMemory

CORRECTED = {"It is a red square on the wall.": "Voici un carré rouge, accroché au mur."}
ARMS = {"zero-shot": None, "lora": {"text": "machine"}, "lora-human": {"method": "lora", "text": "human"}}
HOURS = 0.5


def applied(folder: Path, corrections: dict[str, str]) -> Path:
    """Write what `passerelle review apply` leaves."""
    memory = folder / f"memory-{len(corrections)}.sqlite"
    with TranslationMemory(memory) as opened:
        opened.store(list(corrections.items()), "en", "fr", "review x", "human-translation")
    content = {
        "memory": str(memory), "languages": ["en", "fr"], "expert_hours": HOURS, "corrections": len(corrections),
        "corrected_texts": corrections,
    }  # fmt: skip
    path = folder / f"applied-{len(corrections)}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_review_that_isnt_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no review at"):
        read_review(tmp_path / "applied.json", "fr")
    path = applied(tmp_path, CORRECTED)
    with pytest.raises(ConfigError, match="the review is of 'fr', the experiment of 'es'"):
        read_review(path, "es")
    (tmp_path / "memory-1.sqlite").unlink()
    with pytest.raises(InputError, match="memory .* is gone"):
        read_review(path, "fr")


def test_what_an_hour_brought() -> None:
    row = {"arm": "lora", "metric": "pope", "test": "human", "difference": 3.0, "low": 1.0, "high": 5.0,
           "per_expert_hour": {"difference": 6.0, "low": 2.0, "high": 10.0}}  # fmt: skip
    change = {"expert_hours": 0.5, "corrections": 1200, "changes": [row], "without_before": ["two-stage"]}
    assert change_lines(change) == [
        "Review: 1,200 corrections in 0.50 expert hours.",
        "  lora, pope (human test): +3.0 [+1.0, +5.0]; per expert hour +6.0 [+2.0, +10.0]",
        "  two-stage: not run before the review, so no change can be said",
    ]
    assert "no arm" in change_lines({**change, "changes": [], "without_before": []})[1]


def test_only_what_a_review_touches_is_run_again(own: Path) -> None:
    write_experiment(own, arms=ARMS, seeds=[1])
    run = own / "runs" / "own"
    before, _ = compare()
    assert before["review"] is None
    folders = {path.name for path in (run / "arms").iterdir()}

    # Corrections of what is in no training text make nothing out of date; those of training texts do.
    elsewhere = applied(own, {})
    assert outdated_arms(run, elsewhere) == []
    untouched, _ = compare("--review", str(elsewhere))
    assert untouched["review"]["changes"] == [] and scores(untouched) == scores(before)
    review = applied(own, CORRECTED)
    assert outdated_arms(run, review) == ["lora"]

    after, said = compare("--review", str(review))
    new = {path.name for path in (run / "arms").iterdir()} - folders
    assert {name.partition("-")[0] for name in new} == {"lora"} and len(new) == 1
    (path,) = run.rglob("reviewed-????????.json")
    replies = [row["conversations"][1]["value"] for row in json.loads(path.read_text(encoding="utf-8"))]
    assert replies.count("Voici un carré rouge, accroché au mur.") == 3
    assert after["review"]["expert_hours"] == HOURS and after["review"]["without_before"] == []
    old, own_scores = scores(before, "lora"), scores(after, "lora")
    assert {row["test"] for row in after["review"]["changes"]} == {"human", "machine", "english"}
    for row in after["review"]["changes"]:
        key = ("lora", row["metric"], row["test"])
        assert row["difference"] == pytest.approx(own_scores[key][0] - old[key][0], abs=1e-6)
        assert row["low"] <= row["difference"] <= row["high"]
        assert row["per_expert_hour"]["difference"] == pytest.approx(row["difference"] / HOURS)
    phases: dict[str, Any] = {phase["phase"]: phase for arm in after["arms"] if arm["name"] == "lora"
                              for phase in arm["cost"]["phases"]}  # fmt: skip
    assert phases["data, experts' corrections"]["expert_minutes"] == HOURS * 60
    assert "lora before the review: pope (fr): 0 asked now" in said
    assert scores(after, "zero-shot", "lora-human") == scores(before, "zero-shot", "lora-human")


def test_a_run_without_review_says_so_where_a_review_is_applied(own: Path) -> None:
    write_experiment(own, arms={"lora": {"text": "machine"}}, seeds=[1], tests=["pope=pope-{language}.jsonl"])
    done, _ = compare("--review", str(applied(own, CORRECTED)))
    assert done["review"]["without_before"] == ["lora"] and done["review"]["changes"] == []
    missing = CliRunner().invoke(main, ["compare", "own.yaml", "--review", "nowhere.json"])
    assert missing.exit_code == 2 and "no review at 'nowhere.json'" in missing.stderr
