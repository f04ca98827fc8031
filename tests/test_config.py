"""Settings in files: what is refused, and what the refusal says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from passerelle.adaptation.settings import AdaptSettings
from passerelle.comparison.settings import Experiment
from passerelle.config import Seeds, Settings, check_place, load_settings, merge
from passerelle.errors import ConfigError, InputError


class Stage(Settings):
    rank: int = Field(8, ge=1)
    rate: float = 0.1


class Recipe(Settings):
    name: str = Field("demo", pattern=r"^[\w-]+$")
    stages: tuple[Stage, ...] = ()
    named: dict[str, Stage] = {}
    main: Stage = Stage()
    other: Stage | None = None
    seeds: Seeds = (1,)


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str, **changes: Any) -> Recipe:
    return load_settings(Recipe, written(folder, text), changes)


@pytest.mark.parametrize(
    ("kind", "text", "command"),
    [
        (AdaptSettings, "arms: {}\nname: x", "passerelle compare "),
        (Experiment, "model_name_or_path: x\noutput_dir: y", "passerelle adapt "),
        (Experiment, "keep_above: 0.5", "passerelle gate --config "),
        (AdaptSettings, "keep_share: 0.5", "passerelle gate --config "),
    ],
)
def test_a_file_of_another_kind_names_its_command(
    kind: type[Settings], text: str, command: str, tmp_path: Path
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=f"for another command: type {command}{path}"):
        load_settings(kind, path)


@pytest.mark.parametrize("name", ["runs/lora-s", "./base", "/no/such", "a/b/c", "embeded"])
def test_a_mistyped_folder_is_told_at_once(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs" / "lora-x").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"no folder '{name}'"):
        check_place(name)
    with pytest.raises(InputError, match="Did you mean 'runs/lora-x'"):
        check_place("runs/lora-s")
    for good in ("org/model", "runs", "runs/lora-x", "."):
        check_place(good)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nmae: es", "unknown key 'nmae'. Did you mean 'name'?"),
        ("main: {rang: 3}", "unknown key 'main.rang'. Did you mean 'main.rank'?"),
        ("other: {rang: 3}", "Did you mean 'other.rank'?"),
        ("stages: [{rank: 1}, {rang: 3}]", "Did you mean 'stages.1.rank'?"),
        ("named: {a: {rang: 3}}", "Did you mean 'named.a.rank'?"),
        ("main: {rank: 0}", "main.rank: Input should be greater than or equal to 1 (given: 0)"),
        ("name: ../elsewhere", "name: String should match pattern"),
        ("seeds: []", "seeds: Tuple should have at least 1 item"),
        ("seeds: [1, 2, 1]", "seeds: a seed is named twice"),
        ("seeds: [one]", "seeds.0: Input should be a valid integer"),
        ("main: 5", "main: Input should be a valid dictionary"),
        ("- name", "an experiment is a mapping of settings, not a list"),
        ("stages: [a", "not valid YAML"),
        ("stages: !!python/object/apply:os.getcwd []", "not valid YAML"),
        pytest.param("[" * 20_000, "not valid YAML: it is nested too deep", id="deep lists"),
        pytest.param("{a: " * 20_000, "not valid YAML: it is nested too deep", id="deep mappings"),
        ("name: !!int ''", "not valid YAML"),
        ("name: 2020-13-45", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, text)
    assert said in str(refusal.value)
    assert str(tmp_path / "mine.yaml") in str(refusal.value)
    assert "\n\n" not in str(refusal.value)


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, "nmae: es\nmain: {rank: 0}")
    assert "'nmae'" in str(refusal.value)
    assert "main.rank" in str(refusal.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_settings(Recipe, path)


def test_a_missing_file_is_named_with_what_is_there(tmp_path: Path) -> None:
    there = written(tmp_path, "")
    with pytest.raises(ConfigError) as refusal:
        load_settings(Recipe, tmp_path / "demo.yaml")
    assert "demo.yaml" in str(refusal.value)
    assert there.as_posix() in str(refusal.value)
    for nowhere in (tmp_path / "nowhere" / "demo.yaml", tmp_path):
        with pytest.raises(ConfigError, match="no experiment file"):
            load_settings(Recipe, nowhere)


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "# nothing\n") == Recipe()


def test_a_file_states_what_differs_and_options_replace_it(tmp_path: Path) -> None:
    found = load(tmp_path, "name: es\nmain: {rank: 4, rate: 0.5}\nseeds: [1, 2]", main={"rate": 0.3}, seeds=[7])
    assert (found.name, found.main, found.seeds) == ("es", Stage(rank=4, rate=0.3), (7,))


def test_what_is_left_out_is_completed_after_the_changes(tmp_path: Path) -> None:
    def complete(content: dict[str, Any]) -> dict[str, Any]:
        return {"main": {"rank": len(content["name"])}} | content

    path = written(tmp_path, "name: es")
    assert load_settings(Recipe, path, {"name": "french"}, complete).main.rank == 6


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Recipe().name = "es"  # type: ignore[misc]


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
