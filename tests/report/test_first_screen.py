"""Every branch of the summary's sentences, rendered from made-up results: grammatical, and true of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from passerelle.report import summarise, summary_text

Results = dict[str, Any]


def arm_of(results: Results, name: str) -> dict[str, Any]:
    return next(arm for arm in results["arms"] if arm["name"] == name)


def set_score(results: Results, name: str, test: str, **more: Any) -> None:
    score = next(s for s in arm_of(results, name)["scores"] if (s["metric"], s["test"]) == ("choice", test))
    score |= more


def keep(*names: str) -> Callable[[Results], None]:
    def change(results: Results) -> None:
        results["arms"] = [arm for arm in results["arms"] if arm["name"] in names]
        pairs = [c for c in results["comparisons"] if {c["arm"], c["against"]} <= set(names)]
        results["comparisons"] = pairs

    return change


def whole(results: Results) -> None:
    """Leave all as it is."""


def no_scores(results: Results) -> None:
    for arm in results["arms"]:
        arm["scores"] = []


def ties(results: Results) -> None:
    keep("english", "zero-shot", "pipeline")(results)
    for name in ("zero-shot", "pipeline"):
        set_score(results, name, "human", value=50.0, low=40.0, high=60.0)
    (pair,) = (c for c in results["comparisons"] if c["metric"] == "choice")
    pair |= {"difference": 0.0, "low": -6.0, "high": 6.0, "holm_p": 1.0}


def holm(results: Results) -> None:
    for comparison in results["comparisons"]:
        comparison["holm_p"] = 0.2


def unpaired(results: Results) -> None:
    results["comparisons"] = []


def one_pair_open(results: Results) -> None:
    keep("english", "zero-shot", "pipeline")(results)
    (pair,) = (c for c in results["comparisons"] if c["metric"] == "choice")
    pair |= {"difference": -23.3, "low": -40.0, "high": -6.7, "holm_p": 0.08}


def english_fell(results: Results) -> None:
    set_score(results, "english", "english", value=73.0, low=69.0, high=77.0)
    set_score(results, "lora-mt", "english", value=33.0, low=29.0, high=37.0)
    set_score(results, "lora-human", "english", value=80.0, low=76.0, high=84.0)
    fell = {"difference": -40.0, "low": -44.0, "high": -36.0, "p": 0.0, "holm_p": 0.001}
    results["comparisons"].append(
        {"arm": "lora-mt", "against": "zero-shot", "metric": "choice", "test": "english", **fell}
    )


def english_unmeasured(results: Results) -> None:
    for arm in results["arms"]:
        arm["scores"] = [score for score in arm["scores"] if score["test"] != "english"]


def nothing_readable(results: Results) -> None:
    for arm in results["arms"]:
        for score in arm["scores"]:
            score |= {"value": 0.0, "low": 0.0, "high": 2.0, "unread_share": {"value": 99.0, "low": 97.0, "high": 100}}
    results["warnings"] = ["choice (fr): more than 5% of the answers couldn't be read: all arms."]


def trial(results: Results) -> None:
    results["config"]["limit"] = 1
    results["seeds"] = [1]
    results["data"]["pictures"]["test"] = 1
    for arm in results["arms"]:
        for score in arm["scores"]:
            score |= {"items": 1, "pictures": 1, "low": 0.0, "high": 100.0}


def few_pictures(results: Results) -> None:
    results["data"]["pictures"]["test"] = 4
    results["seeds"] = [1]


def own_engine(results: Results) -> None:
    results["own_engine"] = [{"test": "choice", "engine": "apertium", "arms": ["pipeline"]}]
    results["notes"] = [f"A note, the {number}th." for number in range(4, 12)]


def failed(results: Results) -> None:
    arm_of(results, "lora-mt").update(status="failed", error="out of memory", scores=[], cost=None)


def two_failed(results: Results) -> None:
    failed(results)
    arm_of(results, "two-stage-mt").update(status="failed", error="", scores=[])


def losses(total: tuple[float, ...], parser: float, items: float) -> Callable[[Results], None]:
    def change(results: Results) -> None:
        value, low, high = total
        parts = {"total": total, "parser": (parser, parser, parser), "items": (items, items, items)}
        parts["model"] = (value - parser - items, low - parser - items, high - parser - items)
        results["gaps"] = [
            {"system": name, "benchmark": "choice", "language": "fr", "metric": "accuracy", "parts": parts}
            for name in ("pipeline", "zero-shot")
        ]

    return change


def tests_alike(results: Results) -> None:
    for arm in results["arms"][1:]:
        for score in arm["scores"]:
            if score["test"] == "machine":
                value = next(
                    s["value"] for s in arm["scores"] if (s["metric"], s["test"]) == (score["metric"], "human")
                )
                score["value"] = value


def ledgered(results: Results) -> None:
    for number, arm in enumerate(results["arms"]):
        trained = bool(arm["trained_on"])
        make = {"seconds": 9.0, "processor_seconds": 12.0, "flops": 3e12, "euros": 2.0, "clock_holds": number != 2}
        nothing = {"seconds": 0.0, "processor_seconds": 0.0, "flops": 0.0, "euros": 0.0, "clock_holds": True}
        asked = {**make, "euros": 0.5 if arm["name"] == "pipeline" else 0.1, "tokens": 500}
        arm["cost"] = {"phases": [], "make": make if trained else nothing, "per_1000": asked, "measuring": asked}


ODD = (
    *("  ", " ,", " .", "..", "()", "[]", ":.", " and .", ", points"),
    *("nan", "±0.0", "0.0 [0.0, 0.0]", "unknown"),
)
CASES: dict[str, tuple[Callable[[Results], None], str]] = {
    "whole": (whole, "clearly ahead of every other arm."),
    "no scores": (no_scores, "No arm has a score on the human test yet, so nothing can be said about which is best."),
    "one arm": (keep("english", "pipeline"), "no other arm was measured beside it."),
    "one arm without English": (keep("lora-mt"), "English wasn't measured for LoRA on machine translations."),
    "no trained arms": (
        keep("english", "zero-shot", "prompted", "pipeline"),
        "Zero-shot, Prompted and Translation pipeline train nothing and answer English as the base does.",
    ),
    "one trained arm": (
        keep("english", "zero-shot", "lora-mt"),
        "Zero-shot trains nothing and answers English as the base",
    ),
    "ties": (ties, "score alike, 50.0\u00a0% [40.0, 60.0]: nothing tells them apart."),
    "Holm": (holm, "which Holm's correction for many comparisons takes back"),
    "unpaired": (unpaired, "No two arms were compared question by question"),
    "one pair, open": (
        one_pair_open,
        "Translation pipeline and Zero-shot can't be told apart: +23.3 points [+6.7, +40.0], which Holm's correction "
        "for many comparisons takes back.",
    ),
    "English fell": (
        english_fell,
        "English worse than the base's: LoRA on machine translations 33.0 against 73.0 (−40.0 points [−44.0, −36.0]); ",
    ),
    "English unmeasured": (english_unmeasured, "; and Two stages, human translations."),
    "nothing readable": (nothing_readable, "Hardly an answer to the human test could be read"),
    "trial": (trial, "A trial run, cut to 1 question of each test"),
    "few pictures": (few_pictures, "The test has 4 pictures: it can show none but the largest differences."),
    "its own engine": (
        own_engine,
        "The machine test of choice was translated by apertium, which Translation pipeline uses too: it favours that "
        "arm.",
    ),
    "failed": (failed, "LoRA on machine translations failed and is shown without scores."),
    "two failed": (two_failed, "failed and are shown without scores."),
    "loss of the model": (
        losses((19.5, 12.9, 26.2), 0.0, 0.0),
        "loses 19.5 [12.9, 26.2] points from English to French. All of that is the model's own.",
    ),
    "loss of the parser": (losses((19.5, 12.9, 26.2), 15.0, 1.0), "Most of that is from reading the answers"),
    "loss of the test": (
        losses((19.5, 12.9, 26.2), 2.0, 15.0),
        "Most of that is from suspect translations",
    ),
    "no loss": (losses((-3.0, -8.0, 2.0), 0.0, 0.0), "answers French no worse than English: +3.0 points."),
    "unclear loss": (losses((3.0, -8.0, 14.0), 0.0, 0.0), "is too small to show where anything is lost."),
    "tests alike": (tests_alike, "on average as on the human test."),
    "costs as they are now": (ledgered, "Other processes held the machine while Prompted ran"),
}


@pytest.mark.parametrize("name", CASES)
def test_sentences_are_whole(results: Results, name: str) -> None:
    change, said = CASES[name]
    change(results)
    text = summary_text(results)
    assert said in text, text
    for odd in (
        "  ",
        " ,",
        " .",
        "..",
        "()",
        "[]",
        "None",
        "nan",
        "±0.0",
        "0.0 [0.0, 0.0]",
        ", points",
        ":.",
        " and .",
        "unknown",
    ):
        assert odd not in text, (odd, text)
    assert not re.search(r"(?<![\d\u202f.])1 (\w+ )?(questions|pictures|arms|seeds|pairs)\b", text), text
    assert not re.search(r"\b(the 1|1 other arms|1 arms)\b", text)
    for paragraph in summary_text(results).split("\n\n"):
        for sentence in re.split(r"(?<=[.!?]) (?=[A-Z])", paragraph.partition(": ")[2].strip()):
            assert not sentence or sentence[-1] in ".:", sentence


def test_the_first_screen_is_what_a_team_decides_from(results: Results) -> None:
    english_fell(results)
    losses((19.5, 12.9, 26.2), 0.0, 0.0)(results)
    summary = summarise(results)
    assert [finding.key for finding in summary.findings if finding.is_first] == ["choice", "real", "english", "loss"]
    few_pictures(results)
    assert any("One seed" in warning for warning in summarise(results).warnings)
    keep("english", "zero-shot", "pipeline")(results)
    assert not any("seed" in warning for warning in summarise(results).warnings), "nothing was trained"
