"""What a comparison will cost and can show is said before it is run, and is what it costs then."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from comparison.conftest import compare
from comparisons import write_experiment
from passerelle.cli import main
from passerelle.comparison.planning.amounts import Amounts, total
from passerelle.comparison.planning.asking import chosen
from passerelle.comparison.planning.limits import fitting
from passerelle.comparison.planning.plan import ArmPlan
from passerelle.comparison.planning.power import DISCORDANT, power_of, read_pilot
from passerelle.comparison.planning.texts import SAMPLE_ROWS, StandIns
from passerelle.comparison.settings import as_experiment
from passerelle.costs.clocks import Took
from passerelle.costs.limits import Limits
from passerelle.errors import InputError
from passerelle.evaluation.benchmarks.base import Item
from passerelle.evaluation.benchmarks.registry import find_benchmark
from passerelle.evaluation.reading import Test as Benchmark
from passerelle.evaluation.statistics.power import detectable

ARMS: dict[str, Any] = {
    "zero-shot": None,
    "lora-random": {"method": "lora", "text": "machine", "screen": "random"},
    "two-stage": {"text": "human"},
    "broken": {"method": "lora", "text": "human", "per_device_train_batch_size": 1, "max_length": 16},
}


def run(command: str, *arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(main, [command, "own.yaml", *arguments])
    assert done.exit_code == 0, done.stderr
    return {"json": json.loads(done.stdout)} if "--json" in arguments else {"text": done.stdout}


def test_a_plan_is_what_the_comparison_takes(own: Path) -> None:
    train = {"max_steps": 24, "per_device_train_batch_size": 2, "dtype": "float32"}
    limits = {"hours": 10, "euros": 1}
    tests = [{"benchmark": "mmbench=mmb-{language}.tsv", "machine": True}, {"benchmark": "pope=pope-{language}.jsonl"}]
    write_experiment(own, arms=ARMS, seeds=[1], train=train, limits=limits, tests=tests)
    planned = run("plan", "--json")["json"]
    assert not (own / "runs").exists(), "nothing that a comparison would take for done work"
    results, _ = compare()
    ledger = {arm["name"]: arm["cost"] for arm in results["arms"]}
    arms = {arm["name"]: arm for arm in planned["arms"]}
    assert list(arms) == list(ARMS)
    for name in ("zero-shot", "lora-random", "two-stage"):
        for sum_of in ("make", "per_1000"):
            for amount in ("flops", "tokens"):
                assert arms[name][sum_of][amount] == pytest.approx(ledger[name][sum_of][amount], rel=0.3), (
                    name,
                    amount,
                )
        low, value, high = arms[name]["here"]["processor_seconds"]
        assert 0 < low < value < high and arms[name]["error"] is None
    assert (arms["two-stage"]["steps"], arms["two-stage"]["tried_steps"]) == ([12, 12], [6, 6])
    assert arms["two-stage"]["expert_minutes"] == pytest.approx(
        sum(phase["expert_minutes"] for phase in ledger["two-stage"]["phases"])
    )
    assert ledger["two-stage"]["left_bytes"] > 0 and ledger["zero-shot"]["left_bytes"] is None
    assert "no sample can be used" in arms["broken"]["error"] and arms["broken"]["here"]["flops"] == 0
    assert any("broken" in note for note in planned["notes"])
    assert planned["limits"]["arms"] == dict.fromkeys(("zero-shot", "lora-random", "two-stage"), "fits")
    assert {row["test"]: row["questions"] for row in planned["power"]} == {
        "mmbench": 4, "mmbench (machine)": 4, "pope": 16,
    }  # fmt: skip
    assert all("assumed" in row["known_by"] for row in planned["power"])

    again = run("compare", "--dry-run", "--arms", "zero-shot")["text"]
    assert "What it will cost" in again and "The smallest difference" in again
    assert "as the arms differed in 'runs/own'" in again.replace("\n", " "), "the finished run is the pilot"


def item(number: int, picture: int) -> Item:
    return Item(str(number), "Quoi ?", "fr", str(picture))


def benchmark(pictures: Sequence[int], name: str = "pope") -> Benchmark:
    items = [item(number, picture) for number, picture in enumerate(pictures)]
    return Benchmark(find_benchmark(name), "fr", name, "generate", items=items)


def test_questions_come_from_all_over_a_test_and_those_about_a_picture_stay_together() -> None:
    alone, parts = chosen(benchmark([number // 2 for number in range(200)]), 24)
    assert [len(part) for part in parts] == [6, 6, 4] and len(alone) == 4
    shown = [int(str(each.picture)) for each in (*alone, *(each for part in parts for each in part))]
    assert min(shown) == 0 and max(shown) > 85
    assert len({each.id for part in parts for each in part} | {each.id for each in alone}) == 20
    few = chosen(benchmark([1, 1]), 24)
    assert few[0] == [] and [len(part) for part in few[1]] == [2]


def test_what_a_test_shows_is_assumed_or_known_by_a_pilot(tmp_path: Path) -> None:
    """Of 400 questions about as many pictures: 2.8 standard errors of sqrt(0.25 / 400)."""
    plain = power_of(benchmark(range(400)), [], "", 1, 2.0)
    assert plain.smallest and plain.smallest[1] == pytest.approx(100 * detectable(math.sqrt(DISCORDANT[1] / 400)))
    assert plain.smallest[1] == pytest.approx(7.0, abs=0.01) and plain.corrected == pytest.approx(plain.smallest[1])
    assert plain.questions_needed == plain.pictures_needed == pytest.approx(400 * (7.0 / 2) ** 2, abs=10)
    paired = power_of(benchmark([number // 4 for number in range(400)]), [], "", 10, 2.0)
    assert paired.smallest and paired.smallest[1] == pytest.approx(plain.smallest[1] * math.sqrt(1.3))
    assert paired.corrected and paired.corrected > 1.2 * paired.smallest[1]
    assert paired.questions_needed == pytest.approx(4 * (paired.pictures_needed or 0), abs=4)

    rows = [
        {"benchmark": "pope", "language": "fr", "detectable": value, "clusters": 100}
        for value in (4.0, 8.0, 6.0, math.nan)
    ]
    rows.append({"benchmark": "pope", "language": "en", "detectable": 1.0, "clusters": 100})
    (tmp_path / "results.json").write_text(json.dumps({"comparisons": rows}), encoding="utf-8")
    known = power_of(benchmark(range(400)), read_pilot(tmp_path), "by a run", 1, 2.0)
    assert known.smallest == pytest.approx((2.0, 3.0, 4.0)) and known.known_by == "by a run"
    assert (known.questions_needed, known.pictures_needed) == (900, 900)
    assert power_of(benchmark(range(9), "coco"), [], "", 1, 2.0).smallest is None
    with pytest.raises(InputError, match="holds no paired comparisons"):
        read_pilot(tmp_path / "none")


def hours(value: float, high: float) -> Amounts:
    return Amounts(Took(3600 * value), Took(), Took(3600 * high))


def test_each_budget_is_trained_and_asked() -> None:
    once = Amounts.of(Took(60.0, 60.0, 0.0))
    arm = ArmPlan("lora", "LoRA", 2, (0.25, 0.5), {"training": once}, Amounts.of(Took(10.0, 10.0, 0.0)))
    assert arm.making.took.seconds == pytest.approx(2 * (60 * 1.75 + 10 * 3))
    assert arm.to_dict("fr")["budgets"] == 3


def test_what_limits_leave_out_is_named(tmp_path: Path) -> None:
    arms = [("a", Amounts(), hours(1, 1)), ("b", hours(3, 3), hours(2, 2)), ("c", hours(1, 3), hours(0.5, 0.5))]
    found = fitting(Limits(hours=4), tmp_path, hours(1, 1), arms)
    assert found and found["arms"] == {"a": "fits", "b": "doesn't fit", "c": "may not fit"}
    (tmp_path / "spent.json").write_text(
        json.dumps({"took": {"seconds": 7200, **dict.fromkeys(("processor_seconds", "device_seconds"), 0),
                             "others_core_seconds": 0}, "engine_eur": 0.5}), encoding="utf-8",
    )  # fmt: skip
    later = fitting(Limits(hours=4), tmp_path, hours(1, 1), arms)
    assert later and later["arms"]["c"] == "doesn't fit" and later["spent"] == {"euros": 0.5, "hours": 2.0}
    assert fitting(None, tmp_path, hours(1, 1), arms) is None


def test_doubt_comes_from_the_spread_of_what_was_timed() -> None:
    sure, unsure = Amounts.about([Took(2.0)] * 4), Amounts.about([Took(1.0), Took(3.0), Took(2.0)], flops=5)
    assert (sure.low.seconds, sure.took.seconds, sure.high.seconds) == pytest.approx((1.8, 2.0, 2.2))
    assert unsure.high.seconds == pytest.approx(2 + 4.303 / math.sqrt(3), abs=1e-3)
    assert unsure.low.seconds == 0.5, "half of the least, no less"
    both = total([sure * 2, unsure])
    assert (both.took.seconds, both.flops) == (6.0, 5)


def test_the_examples_rows_are_translated_though_their_pictures_lie_elsewhere(tmp_path: Path) -> None:
    given = {"name": "example", "model": "embedded", "language": "fr", "data": {"english": "example:train-en.json"}}
    arms = {"lora": {"method": "lora", "text": "machine"}}
    tests = ["pope=example:yes-no-{language}.jsonl"]
    texts = StandIns(as_experiment({**given, "arms": arms, "tests": tests}), tmp_path / "run", scratch=tmp_path)
    assert texts.sample is not None
    english, machine = (json.loads(path.read_text(encoding="utf-8")) for path in texts.sample)
    assert len(english) == len(machine) == SAMPLE_ROWS
    assert [row["image"] for row in machine] == [row["image"] for row in english]
