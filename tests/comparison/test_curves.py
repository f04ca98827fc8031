"""Arms at several sizes of data: nested, trained, asked, charged, shown, and what their curves say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comparison.conftest import Ran, compare
from comparisons import own_cache, write_experiment, write_own
from families.tiny import build
from passerelle.adaptation.data import read_pool
from passerelle.comparison.settings import Experiment, load_experiment
from passerelle.errors import ConfigError
from passerelle.evaluation.writing import read_answers
from passerelle.runs import read_arms

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
CHANGES: dict[str, Any] = {
    "arms": {
        "zero-shot": None,
        "pipeline": None,
        "lora": {"text": "human"},
        "lora-mt": {"method": "lora", "text": "machine", "budgets": []},
    },
    "budgets": [3, 6],
    "tests": ["pope=pope-{language}.jsonl"],
    "train": {"max_steps": 4, "per_device_train_batch_size": 2, "dtype": "float32", "alarms": {"every": 2}},
}


@pytest.fixture(scope="module")
def curved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """An arm at two sizes of data, two seeds each, and one without a curve."""
    place = write_own(tmp_path_factory.mktemp("curves"))
    build("llava", place / "model")
    write_experiment(place, **CHANGES)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("PASSERELLE_CACHE", own_cache(place / "cache"))
        results, said = compare()
        yield Ran(place, results, said)


def test_an_arm_is_trained_and_asked_at_each_of_its_budgets(curved: Ran) -> None:
    (curve,) = curved.results["curves"]
    assert curve["arm"] == "lora"
    fewer, all_of_it = curve["points"]
    assert [(point["budget"], point["samples"], point["seeds"]) for point in curve["points"]] == [
        (3, 3, [1, 2]),
        (6, 6, [1, 2]),
    ]
    arm = next(arm for arm in curved.results["arms"] if arm["name"] == "lora")
    assert (all_of_it["scores"], all_of_it["seed_scores"]) == (arm["scores"], arm["seed_scores"])
    for key in ("seconds", "euros", "expert_minutes", "flops"):
        assert all_of_it["make"][key] == arm["cost"]["make"][key] > 0 < fewer["make"][key]
    for key in ("expert_minutes", "flops"):  # clocks of a busy machine say nothing of so few steps
        assert all_of_it["make"][key] > fewer["make"][key]
    assert {(s["metric"], s["test"]) for s in fewer["scores"]} == {(s["metric"], s["test"]) for s in arm["scores"]}


def test_people_are_paid_for_the_examples_that_are_used(curved: Ran) -> None:
    (curve,) = curved.results["curves"]
    fewer, all_of_it = (point["make"]["expert_minutes"] for point in curve["points"])
    assert fewer == pytest.approx(all_of_it / 2)


def test_what_curves_say_is_of_their_points(curved: Ran) -> None:
    (curve,) = curved.results["curves"]
    values = [
        next(s["value"] for s in point["scores"] if (s["metric"], s["test"]) == ("pope", "human"))
        for point in curve["points"]
    ]
    pipeline = next(arm for arm in curved.results["arms"] if arm["name"] == "pipeline")
    level = next(s["value"] for s in pipeline["scores"] if (s["metric"], s["test"]) == ("pope", "human"))
    (step,) = curve["steps"]
    assert (step["metric"], step["test"], step["from"], step["to"]) == ("pope", "human", 3, 6)
    assert step["difference"] == pytest.approx(values[1] - values[0])
    (crossing,) = curve["crossings"]
    assert crossing["against"] == "pipeline"
    assert crossing["last"]["difference"] == pytest.approx(values[1] - level)
    assert set(crossing["where"]) == {"value", "low", "high"}


def test_smaller_arms_stay_out_of_what_arms_are_compared_by(curved: Ran) -> None:
    results, names = curved.results, {"zero-shot", "pipeline", "lora", "lora-mt"}
    assert {row["system"] for row in read_answers(curved.run / "evaluation" / "answers.jsonl")} == names | {"lora at 3"}
    assert [arm["name"] for arm in results["arms"]] == ["english", *CHANGES["arms"]]
    assert set(read_arms(curved.run)) == names
    whose = {row[side] for row in results["comparisons"] for side in ("arm", "against")}
    assert whose <= names and not any("at 3" in json.dumps(results[key]) for key in ("comparisons", "gaps", "examples"))


def test_the_stages_hold_what_alarms_saw(curved: Ran) -> None:
    arm = next(arm for arm in curved.results["arms"] if arm["name"] == "lora")
    (stage,) = arm["training"]["stages"]
    assert [look["step"] for look in stage["alarms"]["looks"]] == [0, 2, 4]
    page = (curved.run / "report.html").read_text(encoding="utf-8")
    for look in stage["alarms"]["looks"]:
        assert f'data-metric="target-loss" data-value="{look["target_loss"]}"' in page


def test_a_curve_goes_on_where_it_was_stopped(curved: Ran) -> None:
    results, said = compare()
    assert "done before" in said and "training: samples" not in said
    (before,), (after,) = curved.results["curves"], results["curves"]
    assert [point["scores"] for point in before["points"]] == [point["scores"] for point in after["points"]]


def experiment(own: Path, **changes: Any) -> Experiment:
    return load_experiment(write_experiment(own, **(CHANGES | changes)))


def pool_ids(settings: Experiment, own: Path, size: int, seed: int = 1) -> dict[str, set[str]]:
    """Return the ids of what an arm draws from at a size, by language, and of what alarms look at."""
    data = [{"path": str(own / f"{code}.json"), "language": code} for code in ("fr", "en")]
    pool = read_pool(settings.adaptation("lora", seed, own / "arm", data, size))
    assert pool.of == 11, "one of twelve is held back"
    found: dict[str, set[str]] = {"fr": set(), "en": set(), "held": {c.id for c in pool.held if c.language == "fr"}}
    for weighted in pool.train:
        found[weighted.conversation.language].add(weighted.conversation.id)
    return found


def test_fewer_examples_are_among_more_and_other_seeds_draw_others(own: Path) -> None:
    settings = experiment(own, budgets=[4, 8, 10])
    few, more = pool_ids(settings, own, 4), pool_ids(settings, own, 10)
    assert [len(few["fr"]), len(more["fr"]), len(few["en"]), len(more["en"])] == [4, 10, 4, 10]
    assert few["fr"] < more["fr"] and few["en"] < more["en"]
    assert len(few["fr"] & few["en"]) >= 3, "a row and its translation come in together, but for those held back"
    assert few["held"] == more["held"] and not few["held"] & more["fr"], "alarms look at the same samples at each size"
    assert few["fr"] != pool_ids(settings, own, 4, seed=2)["fr"]
    assert pool_ids(settings, own, 100)["fr"] == pool_ids(settings, own, 11)["fr"], "there are no more"


def test_limits_on_steps_and_tokens_are_shared_by_size(own: Path) -> None:
    data = [{"path": str(own / "fr.json"), "language": "fr"}]
    train = {"max_tokens": 1000, "max_steps": 8}
    settings = experiment(own, budgets=["2", "4", "8"], train=train, arms={"two-stage": {"text": "human"}})
    made = [settings.adaptation("two-stage", 1, own / "arm", data, size) for size in (2, 4, 8)]
    assert [(each.max_tokens, each.max_steps) for each in made] == [(250, 2), (500, 4), (1000, 8)]
    assert settings.adaptation("two-stage", 1, own / "arm", data) == made[-1]
    smoke = experiment(own, budgets=[2, 8], train={"max_steps": 2}, arms={"two-stage": {"text": "human"}})
    assert smoke.adaptation("two-stage", 1, own / "arm", data, 2).max_steps == 2, "each stage takes a step"


def test_budgets_are_written_as_people_write_numbers(own: Path) -> None:
    settings = experiment(own, budgets=["500", "1k", "2.5k", "1M"], arms={"lora": {"text": "human"}})
    assert settings.sizes("lora") == (500, 1000, 2500, 1_000_000)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"budgets": [10, 5]}, "budgets rise from one to the next, unlike [10, 5]."),
        ({"budgets": ["many"]}, "a budget is a number of examples from 1 on, as 500, 1k or 1.5M, not 'many'."),
        ({"budgets": ["0.5"]}, "not '0.5'."),
        ({"budgets": 5}, "budgets is a list of numbers of examples, as [1k, 10k, 100k], not 5."),
        ({"arms": {"lora": {"budgets": [True]}}}, "arm 'lora': a budget is a number of examples"),
        ({"arms": {"zero-shot": {"budgets": [1]}}}, "zero-shot trains nothing, so 'budgets' says nothing"),
        ({"arms": {"lora": {"max_train_samples": 4}}}, "its budgets say how many examples it has"),
    ],
)
def test_budgets_that_say_nothing_are_refused(own: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        experiment(own, **changes)
    assert words in str(refused.value)


def test_a_budget_beyond_the_data_is_refused_before_anything_is_trained(own: Path) -> None:
    from passerelle.comparison.texts import Texts

    settings = experiment(own, budgets=[8, "1k"], arms={"lora": {"text": "human"}})
    with pytest.raises(ConfigError, match="arm 'lora': its last budget is 1000 examples, but its texts hold 12"):
        Texts(settings, own).check()
