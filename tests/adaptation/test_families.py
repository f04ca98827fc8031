"""Every method trains every family, and what it leaves loads without Passerelle and says the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from families.tiny import FAMILIES
from passerelle.adaptation.plan import plan
from passerelle.adaptation.run import adapt, adaptation_key
from passerelle.adaptation.settings import METHODS, AdaptSettings
from passerelle.cli import main
from passerelle.costs.flops import FlopMeter
from passerelle.formats.conversations import read_conversations
from passerelle.models.batches import target_logprobs
from passerelle.models.conversing import Encoded, Encoder
from passerelle.models.families import describe, families, family_of, known_families
from passerelle.models.pixels import Shown, read
from passerelle.models.pretrained import PretrainedModel
from passerelle.models.vision_cache import VisionFeatures, image_features

# PaliGemma's processor makes a numpy array of a tensor, in a way that numpy means to change.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

TRAINED = {
    "lora": [{"language"}],
    "two-stage": [{"language"}, {"projector"}],
    "full": [{"language", "projector"}],
    "text-regularized": [{"language"}],
    "merged": [{"language"}],
}


# These train what another method trains, on other data, or do less with the result: `merged` trains as `lora` does.
# They are run for a mixture of experts, for a model without a chat template, and for one that is neither.
OF_FEW = ("lora", "text-regularized")
FEW = ("llava", "paligemma", "qwen3_vl_moe")
PAIRS = [(family, method) for family in FAMILIES for method in METHODS if family in FEW or method not in OF_FEW]


def loaded(folder: Path, adapter: Path | None = None) -> PretrainedModel:
    """Load a model as one without Passerelle would."""
    model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter).eval()
    bare = model.get_base_model() if adapter is not None else model
    return PretrainedModel(model, AutoProcessor.from_pretrained(adapter or folder), family_of(bare), str(folder))


@cache
def logprobs_before(folder: Path, data: Path) -> torch.Tensor:
    """Return the log-likelihoods that a model gives which isn't adapted."""
    return logprobs(loaded(folder), data)


def logprobs(pretrained: PretrainedModel, data: Path) -> torch.Tensor:
    """Return the log-likelihood of the first replies, pictures through the tower."""
    given, _ = read_conversations(data / "fr.json", images=None, language="fr", origin="machine")
    encoder = Encoder(pretrained, 1000)
    rows: list[Encoded] = [row for c in given[:3] for row in encoder(c)]
    with torch.no_grad():
        return target_logprobs(pretrained, VisionFeatures(pretrained, None, {"tower"}), rows)


@pytest.mark.parametrize(("family", "method"), PAIRS)
def test_every_method_trains_every_family(
    family: str, method: str, settings: Callable[..., AdaptSettings], models: Callable[[str], Path], data: Path
) -> None:
    chosen = settings(family, method=method, merge_weights=True)
    record = adapt(chosen)

    for stage, trained in zip(record["stages"], TRAINED[method], strict=True):
        assert {row["part"] for row in stage["parts"] if row["trainable"] or row["adapter"]} == trained
        assert len(stage["record"]["loss"]) == 8 // len(TRAINED[method])
    assert record["family"] == family
    assert record["rejected"] == []

    base = logprobs_before(models(family), data)
    adapted = logprobs(loaded(Path(record["outputs"]["model"])), data)
    assert adapted.mean() > base.mean() + 0.1, "the loss on what was learnt falls"
    if method in ("lora", "merged"):
        by_peft = logprobs(loaded(models(family), Path(record["outputs"]["adapter"])), data)
        torch.testing.assert_close(by_peft, adapted, rtol=0, atol=1e-4)
    if method == "merged":
        merged = logprobs(loaded(Path(record["outputs"]["merged"])), data)
        assert (merged - base).abs().max() > 1e-3
        assert (merged - adapted).abs().max() > 1e-3
    assert json.loads((chosen.output_dir / "run.json").read_text(encoding="utf-8"))["key"] == record["key"]


@pytest.mark.parametrize("family", FAMILIES)
def test_features_computed_before_give_what_pixels_give(
    family: str, models: Callable[[str], Path], data: Path, tmp_path: Path
) -> None:
    pretrained = loaded(models(family))
    given, _ = read_conversations(data / "fr.json", images=None, language="fr", origin="machine")
    rows = [row for c in given[:3] for row in Encoder(pretrained, 1000)(c)]
    found = {}
    for trained in ((), ("projector",), ("tower",)):
        vision = VisionFeatures(pretrained, tmp_path, trained)
        vision.prepare(row.images for row in rows)
        with torch.no_grad():
            found[trained] = target_logprobs(pretrained, vision, rows)
        again = VisionFeatures(pretrained, tmp_path, trained)
        again.prepare(row.images for row in rows)
        assert again.computed == 0
    torch.testing.assert_close(found[()], found["tower",], rtol=0, atol=1e-4)
    torch.testing.assert_close(found["projector",], found["tower",], rtol=0, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_operations_of_a_picture_are_those_of_its_shape(
    family: str, models: Callable[[str], Path], tmp_path: Path
) -> None:
    pretrained = loaded(models(family))
    paths = [tmp_path / f"{shade}.png" for shade in range(6)]
    for shade, path in enumerate(paths):
        Image.new("RGB", ((64, 32), (48, 96))[shade % 2], (40 * shade, 9, 9)).save(path)
    vision, meter = VisionFeatures(pretrained, None), FlopMeter(every=1)
    vision.prepare([path] for path in paths)
    with torch.no_grad():
        for path in paths:
            made = read(pretrained, pretrained.processor, Shown(path, path.name, several=False))
            meter.run(1, partial(image_features, pretrained, made))
    assert vision.costs.flops == meter.flops > 0


def test_a_dry_run_says_what_is_found_and_trained_and_writes_nothing(
    settings: Callable[..., AdaptSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings("qwen3_vl_moe", method="two-stage", max_steps=5)
    monkeypatch.setattr("passerelle.models.pretrained.load_whole", None)  # no weights are read
    planned = plan(chosen)
    assert not chosen.output_dir.exists()
    monkeypatch.undo()
    record = adapt(settings("qwen3_vl_moe", method="two-stage", max_steps=5))
    for stage, done in zip(planned["stages"], record["stages"], strict=True):
        assert stage["parts"] == done["parts"] and stage["adapted"] == done["adapted"]
        assert (stage["steps"], stage["features"]) == (done["record"]["steps"], done["features"])
        assert stage["shown"] == done["mix"]["samples"]["all"]
    assert [stage["pictures"] for stage in planned["stages"]] == [0, 4]
    assert planned["family"] == "qwen3_vl_moe" and not planned["detected"] and planned["rejected"] == 0

    ours = dict(families())
    del ours["qwen3_vl_moe"]
    monkeypatch.setattr("passerelle.models.families._shipped", lambda: ours)
    run = CliRunner().invoke(main, ["adapt", str(tmp_path / "adapt.yaml"), "--method", "full", "--dry-run"])
    assert run.exit_code == 0, run.output
    counts = {row["part"]: row["parameters"] for row in record["stages"][0]["parts"]}
    found = [
        f"tower model.visual ({counts['tower']:,} parameters)",
        f"model.visual.merger, model.visual.deepstack_merger_list ({counts['projector']:,} parameters)",
        f"language model model.language_model ({counts['language']:,} parameters)",
        "head lm_head (the embeddings' weights)",
        "pictures by Qwen2VLImageProcessorPil",
        "found out, and to be put right in families.toml",
        "stage 'training': 5 steps",
    ]
    assert [text for text in found if text not in run.stdout] == []
    as_json = CliRunner().invoke(main, ["adapt", str(tmp_path / "adapt.yaml"), "--dry-run", "--json"])
    assert json.loads(as_json.stdout)["detected"] is True


def test_a_trial_is_told_of_its_steps_and_keeps_nothing(settings: Callable[..., AdaptSettings]) -> None:
    chosen, told = settings(method="two-stage", max_steps=5), []
    record = adapt(chosen, lambda done: told.append((done.name, done.steps, done.flops)))
    assert [(name, step) for name, step, _ in told] == [
        ("language", 1), ("language", 2), ("vision", 1), ("vision", 2), ("vision", 3),
    ]  # fmt: skip
    assert all(flops for _, _, flops in told) and "outputs" not in record
    assert not [path for path in chosen.output_dir.rglob("*") if path.suffix == ".safetensors"]
    assert "outputs" in adapt(chosen), "and isn't taken for done work"


def test_what_was_found_out_is_said_and_a_table_beside_the_settings_is_read(
    settings: Callable[..., AdaptSettings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ours = dict(families())
    known = ours.pop("qwen3_vl")
    monkeypatch.setattr("passerelle.models.families._shipped", lambda: ours)
    record = adapt(settings("qwen3_vl", method="full", max_steps=1))
    said = capsys.readouterr().err
    assert "aren't in the table of families; found out, and to be put right in families.toml" in said
    assert said.index("[qwen3_vl]") < said.index("qwen3_vl: tower model.visual (") < said.index("stage 'training'")
    assert said.index("pictures by Qwen2VLImageProcessorPil") < said.index("stage 'training'")
    assert 'projector = ["model.visual.merger", "model.visual.deepstack_merger_list"]' in said
    assert {row["part"] for row in record["stages"][0]["parts"] if row["trainable"]} == {"language", "projector"}
    (tmp_path / "families.toml").write_text(describe(known), encoding="utf-8")
    chosen = settings("qwen3_vl", method="full", max_steps=1, output_dir=str(tmp_path / "again"))
    assert chosen.families == tmp_path / "families.toml"
    with known_families(chosen.families):
        assert adaptation_key(chosen) != record["key"]
    adapt(chosen)
    assert "found out" not in capsys.readouterr().err
