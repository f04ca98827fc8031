"""The summary claims what the intervals allow, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from passerelle.report import page_text, summarise, summary_text
from passerelle.report.contents import Score
from passerelle.report.pareto import pareto_front
from passerelle.report.wording import compute, decimal, duration, listed, probability, score_digits, short, signed


def find_comparison(results: dict[str, Any], arm: str) -> dict[str, Any]:
    """Find the comparison of an arm to the pipeline in the headline metric."""
    return next(c for c in results["comparisons"] if c["arm"] == arm and c["metric"] == "choice")


def test_a_clear_winner_is_said_to_be_one(results: dict[str, Any]) -> None:
    headline = summarise(results).headline
    assert headline == "Translation pipeline answers best, 54.7\u00a0% [50.5, 59.0], clearly ahead of every other arm."


def test_unread_answers_are_said_right_behind_the_headline(results: dict[str, Any]) -> None:
    results["warnings"] = ["pope (fr): more than 5% of the answers couldn't be read: lora-mt 9.0% [6.0, 12.9]."]
    assert f"clearly ahead of every other arm. {results['warnings'][0]}\n\n" in summary_text(results)


def test_an_interval_with_zero_is_not_separable(results: dict[str, Any]) -> None:
    find_comparison(results, "lora-human").update(difference=-2.0, low=-5.0, high=1.0, holm_p=0.3)
    assert "not separable from LoRA on human translations" in summarise(results).headline


def test_the_correction_counts(results: dict[str, Any]) -> None:
    find_comparison(results, "lora-human").update(holm_p=0.08)
    summary = summary_text(results)
    assert "not separable from LoRA on human translations" in summary
    assert "points [" in summary and "which Holm's correction for many comparisons takes back." in summary


def test_without_a_paired_test_nothing_is_claimed(results: dict[str, Any]) -> None:
    results["comparisons"] = []
    assert "was not paired with 6 other arms" in summarise(results).headline


def test_training_data_are_compared_both_ways_round(results: dict[str, Any]) -> None:
    last = results["comparisons"][-1]
    last |= {"arm": "lora-mt", "against": "lora-human", "difference": -3.8, "low": -7.4, "high": 0.2}
    assert "(39.6): +3.8 points [−0.2, +7.4], not separable." in summary_text(results)


def test_cost_names_the_pareto_front(results: dict[str, Any]) -> None:
    text = summary_text(results)
    assert "Translation pipeline cost 38.0 s, 34.0 TFLOP and 21 ms for each answer." in text
    assert "No arm is both faster and better than Zero-shot, Prompted and Translation pipeline." in text


def test_an_arm_that_lost_its_english_is_named(results: dict[str, Any]) -> None:
    assert "nor gain of English can be shown" not in summary_text(results)
    arms = {arm["name"]: arm for arm in results["arms"]}
    fallen, kept = (next(s for s in arms[name]["scores"] if (s["metric"], s["test"]) == ("choice", "english"))
                    for name in ("lora-mt", "lora-human"))  # fmt: skip
    fallen |= {"value": 33.0, "low": 29.0, "high": 37.0}
    kept |= {"value": 67.0, "low": 63.0, "high": 71.0}
    fell = {"difference": -35.3, "low": -40.0, "high": -30.0, "p": 0.0, "holm_p": 0.001}
    results["comparisons"].append(
        {"arm": "lora-mt", "against": "zero-shot", "metric": "choice", "test": "english", **fell}
    )
    text = summary_text(results)
    assert (
        "English worse than the base's: LoRA on machine translations 33.0 against 63.3 (−35.3 points [−40.0, −30.0]); "
        "Two stages, machine translations 56.0 (−7.3 points, not paired); " in text
    )
    assert "Neither loss nor gain of English can be shown for LoRA on human translations." in text


def test_the_machine_test_is_told_apart(results: dict[str, Any]) -> None:
    text = summary_text(results)
    assert "7 arms score on average 3.4 points higher" in text
    assert "the order below it differs" in text


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([], []),
        ([(1.0, 5.0)], [0]),
        ([(1.0, 5.0), (2.0, 4.0), (3.0, 6.0)], [0, 2]),
        ([(2.0, 5.0), (2.0, 7.0), (1.0, 5.0)], [2, 1]),
        ([(1.0, 5.0), (1.0, 5.0)], [0]),
    ],
)
def test_pareto_front(points: list[tuple[float, float]], front: list[int]) -> None:
    assert pareto_front(points) == front


def test_numbers_are_written_for_people() -> None:
    assert [decimal(x) for x in (None, -3.25, -0.04, 1234.5)] == ["–", "−3.2", "0.0", "1\u202f234.5"]
    assert [signed(x) for x in (None, 0.04, 2.0, -2.0)] == ["–", "0.0", "+2.0", "−2.0"]
    assert [duration(x) for x in (0.0214, 4.2, 59.97, 200, 792, 3600, 4321)] == [
        "21 ms", "4.2 s", "1 min", "3 min 20 s", "13 min", "1 h", "1 h 12 min",
    ]  # fmt: skip
    assert [compute(x) for x in (None, 3.1e13, 1.24e15, 5e9)] == [
        "–",
        "31.0 TFLOP",
        "1.24 PFLOP",
        "5.00 GFLOP",
    ]
    assert [short(x) for x in (0, 0.021, 0.35, 12.84, 1900)] == ["0", "0.021", "0.35", "12.8", "1\u202f900"]
    assert [probability(x) for x in (None, 0.0004, 0.062)] == ["–", "< 0.001", "0.062"]
    assert [listed(x) for x in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert listed(["LoRA, mine", "b", "c"]) == "LoRA, mine; b; and c"
    assert [score_digits(Score("m", "human", 0.1, unit=unit)) for unit in ("%", "points", "")] == [1, 1, 3]


def test_what_is_missing_failed_or_damaged_is_said(results: dict[str, Any], run_folder: Path) -> None:
    """A report opens whatever became of an arm, and says it before anything else."""
    arms = results["arms"]
    arms[4] |= {"status": "failed", "error": "out of memory", "scores": [], "seed_scores": [], "cost": 3}
    arms[5]["scores"][0] = {"metric": "choice", "value": "59.7"}
    arms[6]["scores"] = "lost"
    arms[7] = 5
    results["config"]["arms"]["lora-repaired"] = {}
    found = summarise(results)
    assert found.warnings == (
        "1 of 8 arms can't be read: it is damaged.",
        "lora-mt: its costs can't be read.",
        f"lora-human: 1 of {len(arms[5]['scores'])} scores can't be read.",
        "two-stage-mt: its scores are missing, or can't be read.",
        "two-stage-human and lora-repaired: in the experiment, but not in its results.",
        "Give the command that made the results again: it writes them anew from what it kept.",
        "LoRA on machine translations failed and is shown without scores.",
    )
    text = page_text(results, run_folder)
    assert text.index("lora-repaired: in the experiment") < text.index("<nav")
    assert "failed: out of memory" in text
    assert summarise({"arms": {"a": 1}}).warnings[0] == "The arms of these results can't be read."
