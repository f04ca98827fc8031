"""An adaptation does what was asked: it resumes, stops on an alarm, rejects what doesn't fit, says what is wrong."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from adaptations import adapt_and_kill, losses
from forked import fork
from passerelle.adaptation import run
from passerelle.adaptation.alarms import percent
from passerelle.adaptation.run import adapt, adaptation_key
from passerelle.adaptation.settings import AdaptSettings, AlarmSettings, MixSettings, PartSettings
from passerelle.errors import ConfigError, InputError, TrainingError, UserError
from passerelle.models.batches import RowBatch

Make = Callable[..., AdaptSettings]


def adapter(record: dict[str, Any]) -> dict[str, torch.Tensor]:
    return load_file(Path(record["outputs"]["adapter"]) / "adapter_model.safetensors")


def test_the_same_seed_gives_the_same_adapter(settings: Make, tmp_path: Path) -> None:
    first = adapt(settings())
    second = adapt(settings(output_dir=str(tmp_path / "second")))
    assert losses(first) == losses(second)
    one, other = adapter(first), adapter(second)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_killed_run_goes_on_to_the_same_adapter(settings: Make, tmp_path: Path) -> None:
    language = {"how": "lora", "learning_rate": 0.01, "dropout": 0.3}
    changes = {"save_steps": 2, "stages": [{"name": "training", "train": {"language": language}}]}
    whole = adapt(settings(output_dir=str(tmp_path / "whole"), **changes))
    settings(**changes)
    adapt_and_kill(tmp_path / "adapt.yaml")
    resumed = adapt(settings(**changes))
    assert losses(resumed) == losses(whole)
    one, other = adapter(resumed), adapter(whole)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_an_alarm_ends_a_stage_and_keeps_the_best(settings: Make, data: Path, tmp_path: Path) -> None:
    english = {"path": str(data / "en.json"), "language": "en"}
    learnt = [{**english, "language": "fr"}]  # a base that knows English, whatever random weights it began with
    base = adapt(settings(data=learnt, method="full", max_steps=30, output_dir=str(tmp_path / "base")))
    alarms = {"every": 2, "samples": 4, "question": "Décris l'image.", "stop_if": ["english_drop > 50"]}
    chosen = settings(
        model_name_or_path=base["outputs"]["model"],
        alarms=alarms,
        mix={"english": 0.0},
        data=[{"path": str(data / "fr.json"), "language": "fr"}, english],
        learning_rate=0.05,
        max_steps=40,
    )
    record = adapt(chosen)
    (stage,) = record["stages"]
    assert stage["alarms"]["stopped"].startswith("english_drop")
    assert stage["record"]["steps"] < 40
    looks = stage["alarms"]["looks"]
    assert [look["step"] for look in looks[:2]] == [0, 2]
    assert looks[-1]["english_drop"] > 50
    assert looks[0]["english_drop"] == pytest.approx(0)
    best = min(look["target_loss"] for look in looks[:-1])
    assert f"→ {best:.3f}; English loss +" in card_of(record)
    assert "Stopped: english_drop" in card_of(record)
    assert stage["mix"]["samples"]["language fr"] == stage["mix"]["samples"]["all"]


def test_what_is_too_long_is_rejected_and_the_rest_goes_on(settings: Make, data: Path, tmp_path: Path) -> None:
    rows = json.loads((data / "fr.json").read_text(encoding="utf-8"))
    rows[0]["conversations"][1]["value"] = "Un bateau rouge. " * 200
    rows[1]["image"] = "absent.png"
    rows[2]["image"] = "../../etc/passwd"
    rows[3]["conversations"][0]["value"] = "no mark"
    path = data / "long.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    record = adapt(settings(data=[{"path": str(path), "language": "fr"}], max_length=400, max_steps=3))
    reasons = {row["reason"] for row in record["rejected"]}
    assert reasons == {"too-long", "missing-image", "outside-folder", "image-count"}
    assert record["stages"][0]["record"]["samples"] == 12


def test_nothing_left_to_train_on(settings: Make) -> None:
    with pytest.raises(InputError, match="no sample can be used.*too-long"):
        adapt(settings(max_length=16))


def test_a_processor_of_another_model_is_told_before_training(settings: Make, tmp_path: Path) -> None:
    given = settings()
    folder = Path(shutil.copytree(given.model_name_or_path, tmp_path / "other"))
    path = folder / "processor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"patch_size": 14}), encoding="utf-8")
    with pytest.raises(InputError, match="the processor in .* doesn't fit its own model"):
        adapt(given.model_copy(update={"model_name_or_path": str(folder)}))


def test_shares_are_kept(settings: Make) -> None:
    mix = {"english": 0.25, "text_only": 0.5}
    (stage,) = adapt(settings(mix=mix, max_steps=10))["stages"]
    counts = stage["mix"]["samples"]
    assert counts["all"] == 40
    assert counts["language en"] == 10
    assert counts["text only"] == 20
    assert counts["origin native"] > 0


def test_a_changed_base_makes_another_adaptation(settings: Make, tmp_path: Path) -> None:
    given = settings()
    base = Path(shutil.copytree(given.model_name_or_path, tmp_path / "base"))
    given = given.model_copy(update={"model_name_or_path": str(base)})
    keys = {adaptation_key(given)}
    assert adaptation_key(given) in keys
    (base / "README.md").write_text("says nothing", encoding="utf-8")
    assert adaptation_key(given) in keys
    for name in ("chat_template.jinja", "config.json", "processor_config.json"):
        path = base / name
        path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
        keys.add(adaptation_key(given))
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    keys.add(adaptation_key(given))
    assert len(keys) == 5


def test_another_adaptation_is_not_overwritten(settings: Make) -> None:
    adapt(settings(max_steps=2))
    with pytest.raises(UserError, match="holds an adaptation with other settings"):
        adapt(settings(max_steps=3))
    assert adapt(settings(max_steps=2))["stages"][0]["record"]["steps"] == 2


def test_a_loss_that_is_not_finite(settings: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RowBatch, "loss", lambda batch: torch.tensor(float("nan"), requires_grad=True))
    with pytest.raises(TrainingError, match="the loss at step 1 is nan. Lower its learning rate"):
        adapt(settings())


def test_a_batch_that_memory_does_not_hold(settings: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain, loss = adapt(settings(max_steps=3)), RowBatch.loss

    def short(batch: RowBatch) -> torch.Tensor:
        if batch.samples > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return loss(batch)

    monkeypatch.setattr(RowBatch, "loss", short)
    with pytest.raises(TrainingError, match="memory doesn't hold a batch of 4 samples.*--auto-batch"):
        adapt(settings(max_steps=3, output_dir=str(tmp_path / "failing")))
    halved = adapt(settings(max_steps=3, output_dir=str(tmp_path / "halved"), auto_batch=True))
    assert losses(halved) == pytest.approx(losses(plain), abs=1e-4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "lorra"}, "method 'lorra'.*'lora'"),
        ({"learning_rat": 1e-4}, "learning_rat.*learning_rate"),
        ({"mix": {"englsh": 0.1}}, "mix.englsh.*mix.english"),
        ({"data": [{"path": "a.json", "language": "en"}]}, "no data file is in the target language"),
        ({"alarms": {"every": 1, "stop_if": ["loss > 3"]}}, "isn't like 'english_drop > 5'"),
        ({"mix": {"text_only": 0.95}}, "leaves less than image_floor 0.1"),
        ({"stages": [{"name": "a", "train": {"visoin": {"how": "full", "learning_rate": 0.1}}}]}, "stages.0.train"),
        (
            {"stages": [{"name": "a", "train": {"tower": {"how": "full", "learning_rate": 0.1, "rank": 8}}}]},
            "rank goes with how: lora, not with full",
        ),
        (
            {"stages": [{"name": "a", "train": {"language": {"how": "lora", "learning_rate": 0.1, "last_layers": 2}}}]},
            "last_layers goes with how: full, not with lora",
        ),
    ],
)
def test_settings_that_are_wrong(settings: Make, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        settings(**changes)


def test_a_pattern_that_matches_nothing(settings: Make) -> None:
    part = {"how": "lora", "learning_rate": 0.1, "targets": "language_model.nothing"}
    with pytest.raises(ConfigError, match="matches no module"):
        adapt(settings(stages=[{"name": "a", "train": {"language": part}}]))


def test_an_adapter_that_would_land_in_the_frozen_tower(settings: Make) -> None:
    part = {"how": "lora", "learning_rate": 0.1, "targets": r".*q_proj"}
    with pytest.raises(TrainingError, match="vision_tower.*narrow its targets"):
        adapt(settings(stages=[{"name": "a", "train": {"language": part}}]))


def test_stages_of_ones_own(settings: Make) -> None:
    tower = {"how": "full", "learning_rate": 0.001, "last_layers": 1}
    stages = [
        {"name": "tower", "samples": "pictures", "train": {"tower": tower}},
        {
            "name": "words",
            "samples": "text",
            "train": {"language": {"how": "lora", "learning_rate": 0.01, "dora": True}},
        },
    ]
    with pytest.raises(TrainingError, match="has a part in the loss"):
        adapt(settings(stages=stages))  # LLaVA takes its features from the layer before the last
    first, second = adapt(settings("idefics3", stages=stages))["stages"]
    assert first["features"] == "pixels"
    assert 0 < first["parts"][0]["trainable"] < first["parts"][0]["parameters"]
    assert second["mix"]["samples"]["text only"] == second["mix"]["samples"]["all"]


def test_norms_of_a_trained_tower_keep_their_statistics(settings: Make, models: Callable[[str], Path]) -> None:
    stages = [{"name": "tower", "samples": "pictures", "train": {"tower": {"how": "full", "learning_rate": 0.01}}}]
    record = adapt(settings("fast_vlm", stages=stages, alarms={"every": 1, "samples": 2}))
    before = load_file(models("fast_vlm") / "model.safetensors")
    after = load_file(Path(record["outputs"]["model"]) / "model.safetensors")
    statistics = [name for name in before if "running_" in name or "num_batches" in name]
    assert len(statistics) > 10
    assert [name for name in statistics if not torch.equal(before[name], after[name])] == []
    assert any(not torch.equal(before[name], after[name]) for name in before if "depthwise_norm.weight" in name)


def test_a_model_that_is_not_there(settings: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder '.*nothing'"):
        adapt(settings(model_name_or_path=str(tmp_path / "nothing")))


def test_two_runs_in_one_folder(settings: Make) -> None:
    from filelock import FileLock

    chosen = settings()
    chosen.output_dir.mkdir()
    with FileLock(chosen.output_dir / ".lock-0"), pytest.raises(UserError, match="another run is working"):
        adapt(chosen)


def test_figures_for_tensorboard_or_what_is_missing(settings: Make) -> None:
    pytest.importorskip("tensorboard")
    chosen = settings(report_to=["tensorboard"], max_steps=2)
    adapt(chosen)
    assert list((chosen.output_dir / "logs").rglob("events.*"))


def card_of(record: dict[str, Any]) -> str:
    return (Path(record["outputs"]["adapter"]) / "README.md").read_text(encoding="utf-8")


def test_the_card_says_what_was_done(settings: Make, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    french = [{"path": str(data / "fr.json"), "language": "fr", "origin": "human-translation"}]
    record = adapt(settings(max_steps=2, data=french, alarms={"every": 1}))
    card, looks = card_of(record), record["stages"][0]["alarms"]["looks"]
    loss = f"{looks[0]['target_loss']:.3f} → {looks[-1]['target_loss']:.3f}"
    assert f"Held samples, stage `training`: loss in `fr` {loss}; {percent(looks[0]['fidelity'])} →" in card
    assert "English loss" not in card
    assert "nan" not in capsys.readouterr().err
    assert "language: [fr]" in card
    assert "| fr.json | fr | human-translation | 12 |" in card
    assert "method `lora`" in card


def test_the_command(settings: Make, tmp_path: Path) -> None:
    settings()
    command = ["adapt", str(tmp_path / "adapt.yaml"), "--smoke", "--mix.english", "0.5", "--json"]
    done = fork(command, tmp_path, {}, "command")
    assert done.wait(250) == 0, done.err.read_text(encoding="utf-8")
    record = json.loads(done.out.read_text(encoding="utf-8"))
    assert record["settings"]["output_dir"].endswith("-smoke")
    assert record["settings"]["mix"]["english"] == 0.5
    assert record["stages"][0]["record"]["steps"] == 4
    assert "learnt:" in done.err.read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [["max_steps"], ["--max_steps"]])
def test_a_setting_without_its_value(settings: Make, tmp_path: Path, words: list[str]) -> None:
    from click.testing import CliRunner

    from passerelle.cli import main

    settings()
    done = CliRunner().invoke(main, ["adapt", str(tmp_path / "adapt.yaml"), *words])
    assert done.exit_code == 2
    assert "--" in done.output


def test_every_setting_is_in_the_reference() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "methods.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w.]+)`", page))
    for kind, prefix in ((AdaptSettings, ""), (MixSettings, "mix."), (AlarmSettings, "alarms."), (PartSettings, "")):
        ours = {f"{prefix}{name}" for name in kind.model_fields} - {"mix", "alarms"}
        assert ours <= named, sorted(ours - named)


def test_it_computes_in_the_threads_that_were_asked_for(settings: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(run, "_adapt", lambda *given: seen.append(torch.get_num_threads()) or {})
    adapt(settings(threads=3))
    adapt(settings(threads=1))
    assert seen == [3, 1]
