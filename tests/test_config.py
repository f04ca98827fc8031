"""Experiment files: what is refused, and what the refusal says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from passerelle.config import ARM_NAMES, SMOKE, Experiment, load_experiment, merge, parse_experiment
from passerelle.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tagret: es", "unknown key 'tagret'. Did you mean 'target'?"),
        ("test: {stamp: 3}", "unknown key 'test.stamp'. Did you mean 'test.stamps'?"),
        ("two_stage: {language: {rang: 3}}", "Did you mean 'two_stage.language.rank'?"),
        ("arms: [lora-humain]", "unknown arm 'lora-humain'. Did you mean 'lora-human'?"),
        ("arms: []", "name at least one arm of english, zero-shot"),
        ("against: pipelin", "unknown arm 'pipelin'. Did you mean 'pipeline'?"),
        ("budget: {tokens: 3}", "budget.tokens: Input should be greater than or equal to 320 (given: 3)"),
        ("lora: {learning_rate: 2}", "lora.learning_rate: Input should be less than 1 (given: 2)"),
        ("two_stage: {language_share: 1.0}", "two_stage.language_share: Input should be less than 1"),
        ("test: {human: [choice]}", "test.human.0: Input should be 'choice-random', 'choice-category'"),
        ("rule: max", "rule: Input should be 'sum', 'mean', 'pmi' or 'pmi-mean' (given: 'max')"),
        ("name: ../elsewhere", "name: String should match pattern"),
        ("seeds: []", "seeds: Tuple should have at least 1 item"),
        ("seeds: [1, 2, 1]", "seeds: a seed is named twice"),
        ("seeds: [one]", "seeds.0: Input should be a valid integer"),
        ("test: 5", "test: Input should be a valid dictionary"),
        ("- arms", "an experiment is a mapping of settings, not a list"),
        ("arms: [english", "not valid YAML"),
        ("arms: !!python/object/apply:os.getcwd []", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as refusal:
        load_experiment(path)
    assert said in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert "\n\n" not in str(refusal.value)


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        load_experiment(written(tmp_path, "tagret: es\nbudget: {tokens: 1}"))
    assert "'tagret'" in str(refusal.value)
    assert "budget.tokens" in str(refusal.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_experiment(path)


def test_a_missing_file_is_named_with_what_is_there(tmp_path: Path) -> None:
    there = written(tmp_path, "")
    with pytest.raises(ConfigError) as refusal:
        load_experiment(tmp_path / "demo.yaml")
    assert "demo.yaml" in str(refusal.value)
    assert there.as_posix() in str(refusal.value)
    with pytest.raises(ConfigError, match="no experiment file"):
        load_experiment(tmp_path / "nowhere" / "demo.yaml")
    with pytest.raises(ConfigError, match="no experiment file"):
        load_experiment(tmp_path)


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load_experiment(written(tmp_path, "# nothing\n")) == Experiment()


def test_a_file_states_what_differs(tmp_path: Path) -> None:
    experiment = load_experiment(written(tmp_path, "target: es\nlora: {rank: 4}\narms: [pipeline, english]"))
    assert experiment.target == "es"
    assert experiment.lora.rank == 4
    assert experiment.lora.alpha == Experiment().lora.alpha
    assert experiment.arms == ("english", "pipeline"), "arms run in their usual order"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Experiment().target = "es"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("settings", "changes", "merged"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": None}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
    ],
)
def test_merge(settings: dict[str, Any], changes: dict[str, Any], merged: dict[str, Any]) -> None:
    before = repr(settings)
    assert merge(settings, changes) == merged
    assert repr(settings) == before


def test_options_replace_what_the_file_says(tmp_path: Path) -> None:
    path = written(tmp_path, "target: es\ntest: {stamps: 50, emoji: 40, machine: [yes-no]}")
    experiment = load_experiment(path, merge(SMOKE, {"target": "ca", "arms": ["english"]}))
    assert (experiment.target, experiment.arms) == ("ca", ("english",))
    assert (experiment.test.stamps, experiment.test.emoji) == (6, 4)
    assert experiment.test.machine == ("yes-no",)


def test_smoke_is_small_and_valid() -> None:
    smoke, usual = parse_experiment(SMOKE, "smoke"), Experiment()
    assert smoke.test.stamps + smoke.test.emoji <= 10
    assert smoke.budget.tokens < usual.budget.tokens / 20
    assert smoke.arms == usual.arms


@pytest.mark.parametrize("name", ["demo", "study", "quality"])
def test_experiments_of_the_repository_are_valid(name: str) -> None:
    experiment = load_experiment(ROOT / "experiments" / f"{name}.yaml")
    assert experiment.name == name
    assert experiment.against in experiment.arms


DATA_ARMS = ("lora-filtered", "lora-random", "lora-repaired")


def test_the_study_runs_all_arms_with_three_seeds() -> None:
    study = load_experiment(ROOT / "experiments" / "study.yaml")
    assert study.arms == tuple(arm for arm in ARM_NAMES if arm not in DATA_ARMS)
    assert len(study.seeds) == 3


def test_the_quality_experiment_varies_the_training_text_only() -> None:
    quality = load_experiment(ROOT / "experiments" / "quality.yaml")
    assert quality.arms == ("zero-shot", "lora-mt", *DATA_ARMS, "lora-human")
    assert len(quality.seeds) == 3
    assert quality.against == "lora-mt"
