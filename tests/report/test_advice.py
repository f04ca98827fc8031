"""Advice: made-up comparisons whose right answer is known, one where it must refuse, and break-even by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from passerelle.cli import main
from passerelle.errors import ConfigError
from passerelle.report.advice.advise import Advice, advise, questions_needed
from passerelle.report.advice.candidates import advise_on, candidates
from passerelle.report.advice.volume import Crossing, Line, break_even, cheapest, crossings, parse_volume
from passerelle.report.advice.wish import Candidate, English, Wish
from passerelle.report.contents import Difference, Score
from passerelle.report.parse import read_results
from passerelle.report.summary import summarise

PIPELINE = Line("pipeline", 0.0, 0.002)
LORA = Line("lora", 8.0, 0.0004)
TWO_STAGE = Line("two-stage", 20.0, 0.0003)
BASE = Line("zero-shot", 0.0, 0.0004)


def test_break_even_is_as_by_hand() -> None:
    # 0.002 n = 8 + 0.0004 n → n = 5,000; 8 + 0.0004 n = 20 + 0.0003 n → n = 120,000
    assert break_even(PIPELINE, LORA) == pytest.approx(5_000)
    assert break_even(LORA, PIPELINE) == pytest.approx(5_000)
    assert break_even(LORA, TWO_STAGE) == pytest.approx(120_000)
    assert break_even(PIPELINE, BASE) is None, "the base is never dearer"
    assert break_even(LORA, BASE) is None, "parallel lines don't meet"
    assert crossings([TWO_STAGE, PIPELINE, LORA]) == [
        Crossing(pytest.approx(5_000), "pipeline", "lora"),
        Crossing(pytest.approx(120_000), "lora", "two-stage"),
    ]
    # One that is never the cheapest doesn't come up: at 20,000, where it meets the pipeline, LoRA costs 16 € less.
    assert [each.after for each in crossings([PIPELINE, LORA, Line("dear", 32.0, 0.0004)])] == ["lora"]
    assert crossings([LORA]) == [] and crossings([BASE, PIPELINE, LORA]) == []


def test_what_an_arm_costs_is_making_it_and_its_answers_at_work(results: dict[str, Any]) -> None:
    costs = {"make": {"euros": 8.0}, "per_1000": {"euros": 0.4}, "measuring": {"euros": 1e9}}
    for arm in results["arms"]:
        arm["cost"] = costs
    results["arms"][1]["cost"] = {"make": {"euros": 8.0}, "per_1000": {"euros": None}}
    lines = {each.name: each.line for each in candidates(read_results(results))}
    assert lines["lora-mt"] == Line("lora-mt", 8.0, 0.0004)
    assert lines["zero-shot"] is None, "what isn't known isn't nothing"


@pytest.mark.parametrize("answers", [0, 4_000, 5_000, 6_000, 119_000, 121_000, 1e9])
def test_the_cheapest_is_the_one_that_the_crossings_say(answers: float) -> None:
    lines = [LORA, TWO_STAGE, PIPELINE]
    name = min(lines, key=lambda line: (line.making, line.per_answer)).name
    for crossing in crossings(lines):
        if answers > crossing.answers:
            assert crossing.before == name
            name = crossing.after
    assert cheapest(lines, answers).at(answers) == pytest.approx(next(x for x in lines if x.name == name).at(answers))


def test_volumes_are_read() -> None:
    assert parse_volume("50000", 365) == 50_000
    assert parse_volume("50,000", 365) == 50_000
    assert parse_volume("2M", 1) == 2_000_000
    assert parse_volume("10000/day", 365) == 3_650_000
    assert parse_volume("300k/month", 365.25) == pytest.approx(3_600_000)
    for wrong in ("", "many", "10/fortnight", "-5"):
        with pytest.raises(ConfigError, match="is no volume"):
            parse_volume(wrong, 365)
    for text, days in (
        ("0", 365),
        ("0/day", 365),
        ("9" * 400, 365),
        ("10/day", float("nan")),
        ("5M/day", float("inf")),
    ):
        with pytest.raises(ConfigError, match="above zero"):
            parse_volume(text, days)


def candidate(line: Line | None, score: float, name: str = "", lost: float | None = 0.0, **more: float) -> Candidate:
    name = name or (line.name if line else "")
    english = None if lost is None else English(lost, lost - 2, lost + 2)
    found = Score("choice", "human", score, score - 4, score + 4, items=400)
    return Candidate(name, name, found, line, more.get("latency"), english, is_base=name == "zero-shot")


def compared(candidates: list[Candidate], half: float) -> object:
    """Compare in pairs as if each difference were known to ± `half` points."""
    scores = {each.name: each.score.value or 0.0 for each in candidates}

    def difference(one: str, other: str) -> Difference:
        value = scores[one] - scores[other]
        return Difference(one, other, "choice", "human", value, value - half, value + half)

    return difference


def advised(candidates: list[Candidate], half: float = 3.0, **wish: float) -> Advice:
    return advise(candidates, compared(candidates, half), Wish(**{"answers": 10_000.0, **wish}))  # type: ignore[arg-type]


ALIKE = [candidate(BASE, 35), candidate(PIPELINE, 60), candidate(LORA, 61), candidate(TWO_STAGE, 59)]


def test_of_arms_that_are_as_good_the_cheapest_at_the_volume_is_chosen() -> None:
    few, many, most = (advised(ALIKE, answers=answers) for answers in (1_000, 20_000, 10_000_000))
    assert (few.chosen, many.chosen, most.chosen) == ("pipeline", "lora", "two-stage")
    assert "With more than 5\u202f000 answers lora costs less." in few.changes
    assert "With fewer than 5\u202f000 answers pipeline costs less." in many.changes
    assert any("can't be told apart" in text for text in many.sure)
    assert any("+26.0 points [+23.0, +29.0] ahead of the model as it is" in text for text in many.sure)
    assert [(each.before, each.after) for each in many.crossings] == [("pipeline", "lora"), ("lora", "two-stage")]


def test_the_best_is_chosen_where_it_is_clearly_ahead_though_it_costs_more() -> None:
    found = advised([candidate(BASE, 35), candidate(PIPELINE, 45), candidate(TWO_STAGE, 60)], answers=10)
    assert found.chosen == "two-stage"
    assert found.changes == ()


def test_a_wish_rules_arms_out_and_says_why() -> None:
    forgetful = candidate(LORA, 70, lost=30.0)
    found = advised([*ALIKE[:2], forgetful], keep_english=5.0)
    assert found.chosen == "pipeline"
    assert found.left_out == {"lora": "it loses 30.0 points of English, of 5.0"}
    assert any("lora scores 70.0, and was left out" in text for text in found.changes)
    dear = advised([candidate(BASE, 35), candidate(PIPELINE, 50), candidate(TWO_STAGE, 60)], budget=5.0, answers=2_000)
    assert dear.chosen == "pipeline" and "of 5.00" in (dear.left_out or {})["two-stage"]
    slow = [candidate(BASE, 35, latency=1), candidate(PIPELINE, 60, latency=9), candidate(LORA, 50, latency=1)]
    assert advised(slow, latency=2.0).chosen == "lora"
    unmeasured = advised([candidate(BASE, 35), candidate(LORA, 60, lost=None)], keep_english=5.0)
    assert unmeasured.chosen is None or unmeasured.chosen == "zero-shot"
    assert (unmeasured.left_out or {}) == {"lora": "what it does to English wasn't measured"}
    assert advised(ALIKE, budget=0.0).headline == "No arm holds what was asked for."


def test_it_refuses_where_nothing_is_told_apart_from_the_base() -> None:
    few = [candidate(BASE, 35), candidate(PIPELINE, 38), candidate(LORA, 37)]
    found = advised(few, half=8.0)
    assert found.chosen is None
    assert "none is worth its cost yet" in found.headline
    # The standard error is 8 / 1.96 = 4.082 points on 400 questions: 400 (2.8016 · 4.082 / 3)² = 5,812 questions.
    assert "5\u202f812 questions like these, of 400 now" in found.measure[0]
    needed = questions_needed(Difference("a", "b", "choice", "human", 3.0, -5.0, 11.0), 400)
    assert needed == 5812
    assert questions_needed(Difference("a", "b", "choice", "human", 0.0, -5.0, 5.0), 400) is None


def test_without_costs_the_best_score_decides() -> None:
    found = advised([candidate(BASE, 35), candidate(None, 60, "elsewhere"), candidate(LORA, 61)])
    assert found.chosen == "lora"
    assert any("elsewhere would cost isn't known" in text for text in found.why)


def test_a_cheaper_arm_that_is_behind_is_named_with_what_it_lacks() -> None:
    found = advised([candidate(BASE, 35), candidate(PIPELINE, 60), candidate(LORA, 50)])
    assert found.chosen == "pipeline"
    assert (
        "With more than 5\u202f000 answers lora costs less, but scores −10.0 points [−13.0, −7.0] against it."
        in found.changes
    )
    assert found.sure[0].endswith("ahead of the model as it is and +10.0 points [+7.0, +13.0] ahead of lora.")


def test_the_command_advises_on_a_run(run_folder: Path, results: dict[str, Any]) -> None:
    (run_folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    done = CliRunner().invoke(main, ["advise", str(run_folder), "--volume", "1000/day", "--json"])
    assert done.exit_code == 0, done.output
    advice = json.loads(done.stdout)
    assert advice["chosen"] == "pipeline" or advice["measure"]
    words = CliRunner().invoke(main, ["advise", str(run_folder / "results.json"), "--budget", "0"]).stdout
    assert words.startswith("No arm holds what was asked for.") and "left out" in words
    assert CliRunner().invoke(main, ["advise", str(run_folder / "nothing")]).exit_code == 2


def test_arms_that_failed_or_have_no_score_are_named(results: dict[str, Any]) -> None:
    names = [arm["name"] for arm in results["arms"] if arm["name"] not in ("english", "zero-shot")][:2]
    failed, unscored = (next(arm for arm in results["arms"] if arm["name"] == name) for name in names)
    failed.update(status="failed", error="out of memory")
    unscored["scores"] = []
    left_out = advise_on(results, Wish(1_000)).left_out
    assert left_out is not None
    assert left_out[failed["title"]] == "it failed: out of memory"
    assert left_out[unscored["title"]] == "it has no score to judge it by"
    for arm in results["arms"]:
        arm["status"] = "failed"
    none = advise_on(results, Wish(1_000))
    assert none.headline.startswith("No arm has a score yet") and failed["title"] in (none.left_out or {})


@pytest.mark.parametrize("content", [{}, {"figures": [], "warnings": []}, {"arms": {"a": 1}}, []])
def test_what_holds_no_comparison_is_said(tmp_path: Path, content: object) -> None:
    (tmp_path / "results.json").write_text(json.dumps(content), encoding="utf-8")
    done = CliRunner().invoke(main, ["advise", str(tmp_path)])
    assert done.exit_code == 2 and "holds no results of a comparison" in done.output


def test_what_an_arm_costs_is_told_apart_from_asking_it(results: dict[str, Any]) -> None:
    arm = next(each for each in results["arms"] if each["name"] == "lora-mt")
    arm["cost"] = {
        "seconds_per_answer": 2.0,
        "phases": [
            {"phase": "training", "seconds": 3600.0, "expert_minutes": 30.0, "engine_eur": 1.0},
            {"phase": "answers, choice (fr)", "seconds": 200.0, "engine_eur": 0.5},
        ],
    }
    results["hardware"] = {"cores": 2}
    line = next(each for each in candidates(read_results(results)) if each.name == "lora-mt").line
    assert line is not None
    # An hour of two cores at 5 ct, half an hour of a person at 36 €, and 1 €; then 100 answers of 2 s and half a cent.
    assert line.making == pytest.approx(0.10 + 18 + 1)
    assert line.per_answer == pytest.approx(2 / 3600 * 0.10 + 0.005)


def test_the_report_begins_with_what_to_choose(results: dict[str, Any]) -> None:
    finding = summarise(results).findings[0]
    assert (finding.key, finding.title) == ("choice", "What to choose")
    assert finding.text.startswith("Choose ") and "answers" in finding.text or "none is worth its cost" in finding.text
    # With two questions nothing can be told from anything.
    for each in results["comparisons"]:
        each["low"], each["high"] = -90.0, 90.0
    refused = summarise(results).findings[0].text
    assert refused.startswith("No arm is shown to be better than the model as it is") and "80 times in 100" in refused
    assert all(finding.key != "choice" for finding in summarise({}).findings)
