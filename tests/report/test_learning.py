"""Learning curves and losses in the report: sentences in every branch, tables, plots, advice."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from passerelle.report import page_text, summarise
from passerelle.report.advice.candidates import advise_on
from passerelle.report.advice.wish import Wish
from passerelle.report.curves.learning import cost_at, read_curves
from passerelle.report.curves.learning_plot import TITLES, learning_plot
from passerelle.report.curves.learning_words import curve_sentences
from passerelle.report.curves.losses import loss_plots
from passerelle.report.parse import read_results
from report.conftest import make_score

SIZES = (160, 640, 2560)


def make_curve(arm: str, values: tuple[float, ...], **crossing: Any) -> dict[str, Any]:
    """Write an arm's curve as it is stored."""
    points = [
        {
            "budget": size, "samples": size, "seeds": [1, 2], "status": "done", "error": None,
            "scores": [make_score("choice", "human", value)],
            "seed_scores": [make_score("choice", "human", value + shift, seed=n) for n, shift in ((1, -1.5), (2, 1.5))],
            "make": {"processor_seconds": size / 2, "device_seconds": 0.0, "euros": size / 1e5, "paid": {}},
        }
        for size, value in zip(SIZES, values, strict=True)
    ]  # fmt: skip
    steps = [
        {"metric": "choice", "test": "human", "unit": "%", "from": start, "to": end, "difference": round(b - a, 1),
         "low": round(b - a - 3, 1), "high": round(b - a + 3, 1)}
        for (start, a), (end, b) in itertools.pairwise(zip(SIZES, values, strict=True))
    ]  # fmt: skip
    last = {"difference": -15.1, "low": -19.0, "high": -11.2}
    row = {"against": "pipeline", "metric": "choice", "test": "human", "unit": "%", "share": 0.0, "last": last}
    row |= {"value": None, "low": None, "high": None, "where": dict.fromkeys(("value", "low", "high"), "beyond")}
    return {"arm": arm, "points": points, "steps": steps, "crossings": [row | crossing]}


WITHIN = {"value": 1280.0, "low": 410.0, "where": {"value": "within", "low": "within", "high": "beyond"}, "share": 0.9}
BEFORE = {"where": dict.fromkeys(("value", "low", "high"), "before"), "share": 1.0}


@pytest.fixture
def curved(results: dict[str, Any]) -> dict[str, Any]:
    """The results with curves of two arms, and what alarms saw of one."""
    for arm in results["arms"]:
        amounts = {"processor_seconds": 60.0, "device_seconds": 0.0, "euros": 0.01}
        arm["cost"] |= {"make": amounts, "per_1000": amounts, "measuring": amounts}
    results["curves"] = [
        make_curve("lora-mt", (38.0, 41.2, 44.6)),
        make_curve("two-stage-mt", (40.0, 45.0, 46.2), **WITHIN),
    ]
    stages = next(arm for arm in results["arms"] if arm["name"] == "two-stage-mt")["training"]["stages"]
    for stage in stages:
        looks = [
            {"step": step, "target_loss": 4 - step / 40, "english_loss": 3.0, "english_drop": step / 8,
             "fidelity": None if not step else 90.0, "answer": "Une pomme."}
            for step in (0, 40, 80)
        ]  # fmt: skip
        stage["alarms"] = {"stopped": None, "looks": looks}
    return results


def sentences(results: dict[str, Any]) -> list[str]:
    return list(curve_sentences(read_results(results)))


def test_curves_are_said_in_words(curved: dict[str, Any]) -> None:
    assert sentences(curved) == [
        "LoRA on machine translations scores 38.0 with 160 examples and 44.6 with 2\u202f560.",
        "The step from 640 to 2\u202f560 examples brought +3.4 points [+0.4, +6.4]: more of the same data would "
        "probably help.",
        "LoRA on machine translations doesn't come level with Translation pipeline within what was measured, up to "
        "2\u202f560 examples: the difference is −15.1 points [−19.0, −11.2] there. What lies beyond isn't known.",
        "Two stages, machine translations scores 40.0 with 160 examples and 46.2 with 2\u202f560.",
        "The step from 640 to 2\u202f560 examples brought +1.2 points [−1.8, +4.2]: whether more of the same data "
        "would help can't be told.",
        "Two stages, machine translations comes level with Translation pipeline at about 1\u202f280 examples [410, "
        "beyond 2\u202f560]; making it takes 11 min of core time and 0.013\u00a0€ there.",
    ]
    finding = next(finding for finding in summarise(curved).findings if finding.key == "more-data")
    assert finding.text == " ".join(sentences(curved))


def test_other_branches_are_said_too(curved: dict[str, Any]) -> None:
    curved["curves"] = [
        make_curve("lora-mt", (50.0, 48.0, 44.6), **BEFORE),
        make_curve("two-stage-mt", (40.0, 45.0, 46.2), share=0.12),
    ]
    said = sentences(curved)
    assert said[1].endswith("−3.4 points [−6.4, −0.4]: more of the same data, trained on like this, doesn't help.")
    assert said[2].endswith("is level with Translation pipeline, or above it, from the fewest examples on, 160.")
    assert "there; in 12 of 100 resamples it does. What lies beyond" in said[-1]
    curved["curves"][1]["points"] = curved["curves"][1]["points"][:1]
    assert len(sentences(curved)) == 3, "one size is no curve"


def test_costs_lie_between_those_of_the_sizes_that_were_measured(curved: dict[str, Any]) -> None:
    contents = read_results(curved)
    curve = read_curves(contents)[0]
    assert cost_at(contents, curve, 400) == (pytest.approx(200), pytest.approx(0.004))
    assert cost_at(contents, curve, 5000) == cost_at(contents, curve, None) == (None, None), "nothing is drawn on"


@pytest.mark.parametrize("by", TITLES)
def test_the_plots_name_arms_and_levels(curved: dict[str, Any], by: Any) -> None:
    svg = learning_plot(read_results(curved), by)
    texts = {"".join(e.itertext()).strip() for e in ElementTree.fromstring(svg).iter() if "text" in e.tag}
    assert {"lora-mt", "two-stage-mt", "Translation pipeline", "Zero-shot"} <= texts
    assert {"examples": {"160", "640"}, "time": {"3 min", "10 min"}, "euros": {"0.01"}}[by] <= texts


def test_the_page_shows_curves_tables_and_losses(curved: dict[str, Any], run_folder: Path) -> None:
    curved["curves"][0]["points"][0] |= {"status": "left out", "error": "no room", "samples": None, "scores": []}
    text = page_text(curved, run_folder)
    assert '<a href="#learning">More data</a>' in text and 'id="learning-table"' in text
    assert 'data-against="pipeline" data-metric="choice" data-number="level-at" data-value="1280.0"' in text
    assert "left out: no room" in text
    assert "not up to 2\u202f560" in text and "[410, beyond 2\u202f560]" in text
    assert text.count('aria-label="Loss of ') == len(loss_plots(read_results(curved))) == 4
    assert 'data-stage="vision stage" data-step="40" data-metric="target-loss" data-value="3.0"' in text
    assert "Une pomme." in text


def test_a_page_without_curves_says_nothing_of_them(results: dict[str, Any], run_folder: Path) -> None:
    text = page_text(results, run_folder)
    assert 'id="learning' not in text and 'href="#learning"' not in text
    assert not any(learning_plot(read_results(results), by) for by in TITLES)


@pytest.mark.parametrize("broken", [{"points": None}, {"points": [{"scores": "x"}]}, {"crossings": [{"where": 3}]}, {}])
def test_broken_curves_leave_a_page(results: dict[str, Any], run_folder: Path, broken: dict[str, Any]) -> None:
    results["curves"] = [make_curve("lora-mt", (1.0, 2.0, 3.0)) | broken, "nonsense"]
    assert "<!doctype html>" in page_text(results, run_folder)


def test_advice_uses_the_last_step(curved: dict[str, Any]) -> None:
    said = "Of LoRA on machine translations the step from 640 to 2\u202f560 examples brought +3.4 points [+0.4, +6.4]"
    curved["arms"] = [arm for arm in curved["arms"] if arm["name"] in ("zero-shot", "lora-mt")]
    curved["comparisons"] = [
        {"arm": "lora-mt", "against": "zero-shot", "metric": "choice", "test": "human",
         "difference": 3.5, "low": low, "high": 7.0, "p": 0.01, "holm_p": 0.02} for low in (0.5,)
    ]  # fmt: skip
    chosen = advise_on(curved, Wish(1000))
    assert chosen.chosen == "lora-mt" and any(line.startswith(said) for line in chosen.changes)
    curved["comparisons"][0] |= {"low": -0.5, "p": 0.2, "holm_p": 0.2}
    refused = advise_on(curved, Wish(1000))
    assert refused.chosen is None and any(line.startswith(said) for line in refused.measure)
