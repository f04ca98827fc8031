"""Layers that are computed again in the backward pass give the same losses and gradients, and keep less."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from adaptations import encoded_rows, losses
from families.tiny import FAMILIES
from passerelle.adaptation.run import adapt, adaptation_key
from passerelle.adaptation.settings import METHODS, AdaptSettings
from passerelle.errors import ConfigError
from passerelle.models.batches import layout_logprobs
from passerelle.models.conversing import Encoded
from passerelle.models.layouts import follows_trees, merged, padded
from passerelle.models.pretrained import PretrainedModel, load_pretrained, set_checkpointing, set_training
from passerelle.models.vision_cache import VisionFeatures

Make = Callable[..., AdaptSettings]

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture
def given(models: Callable[[str], Path], data: Path) -> Callable[[str], tuple[PretrainedModel, list[Encoded]]]:
    """Return what loads a family's tiny model, all of it trained, with a few rows."""

    def load(family: str) -> tuple[PretrainedModel, list[Encoded]]:
        pretrained = load_pretrained(models(family), dtype="float32")
        pretrained.model.requires_grad_(True)
        set_training(pretrained.model, True)
        return pretrained, encoded_rows(pretrained, data, 4)

    return load


def kept_and_gradients(
    pretrained: PretrainedModel, rows: list[Encoded], trained: tuple[str, ...], trees: bool
) -> tuple[int, dict[str, torch.Tensor]]:
    """Return the bytes that a forward keeps for the backward pass, and what this gives."""
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    pretrained.model.zero_grad()
    layout = merged(pretrained, rows, [range(len(rows))]) if trees else padded(pretrained, rows)
    vision = VisionFeatures(pretrained, None, trained)
    vision.prepare([row.images for row in rows])
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = -layout_logprobs(pretrained, vision, layout).mean()
    loss.backward()
    found = {n: p.grad.clone() for n, p in pretrained.model.named_parameters() if p.grad is not None}
    weights = {p.untyped_storage().data_ptr() for p in pretrained.model.parameters()}
    return sum(size for at, size in kept.items() if at not in weights), found | {"loss": loss.detach()}


# With the tower, the layers of the language model are computed again as with features that were computed before: these
# are tried for each kind of layer and of attention.
WITH_FEATURES = ("llava", "gemma3", "qwen2_vl", "qwen3_vl_moe", "qwen3_5", "molmo2")
TRAINED = [(family, ("tower",)) for family in FAMILIES] + [(family, ()) for family in WITH_FEATURES]


@pytest.mark.parametrize(("family", "trained"), TRAINED, ids=[f"{f}-{'-'.join(t) or 'features'}" for f, t in TRAINED])
def test_gradients_are_the_same_for_less_memory(
    family: str, trained: tuple[str, ...], given: Callable[[str], tuple[PretrainedModel, list[Encoded]]]
) -> None:
    pretrained, rows = given(family)
    for trees in (False, True) if follows_trees(pretrained, 1) else (False,):
        plain_bytes, plain = kept_and_gradients(pretrained, rows, trained, trees)
        set_checkpointing(pretrained.model, True)
        fewer_bytes, again = kept_and_gradients(pretrained, rows, trained, trees)
        set_checkpointing(pretrained.model, False)
        assert plain.keys() == again.keys()
        assert any(pretrained.family.part_of(name) == "language" for name in plain)
        assert any(pretrained.family.part_of(name) == "tower" for name in plain) == (
            "tower" in trained and family != "gemma4_unified"  # which has none
        )
        for name, value in plain.items():
            torch.testing.assert_close(again[name], value, rtol=1e-4, atol=1e-6, msg=name)
        assert fewer_bytes < 0.7 * plain_bytes


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_the_same(settings: Make, tmp_path: Path, method: str) -> None:
    family = "qwen3_vl" if method == "full" else "llava"
    plain = settings(family, method=method)
    again = settings(family, method=method, gradient_checkpointing=True, output_dir=str(tmp_path / "again"))
    assert adaptation_key(again) == adaptation_key(plain), "it may be turned on when a run goes on"
    assert losses(adapt(again)) == pytest.approx(losses(adapt(plain)), abs=1e-4)


def test_what_is_dropped_is_the_same_when_computed_again(settings: Make, tmp_path: Path) -> None:
    stage: dict[str, Any] = {"name": "one", "train": {"language": {"how": "lora", "learning_rate": 0.01}}}
    stage["train"]["language"]["dropout"] = 0.5
    changes = {"stages": [stage], "learning_rate": None}
    plain = losses(adapt(settings(**changes)))
    again = losses(adapt(settings(gradient_checkpointing=True, output_dir=str(tmp_path / "again"), **changes)))
    assert again == pytest.approx(plain, abs=1e-4)


def test_the_layers_are_computed_again_only_if_asked_for(
    settings: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flops = {}
    for on in (False, True):
        record = adapt(settings(gradient_checkpointing=on, output_dir=str(tmp_path / str(on))))
        flops[on] = record["stages"][0]["record"]["flops"]
    assert flops[True] > 1.2 * flops[False]
    record = json.loads((tmp_path / "True" / "run.json").read_text(encoding="utf-8"))
    assert record["settings"]["gradient_checkpointing"] is True


def test_layers_that_cannot_are_an_error() -> None:
    with pytest.raises(ConfigError, match="gradient_checkpointing"):
        set_checkpointing(torch.nn.Linear(2, 2), True)
    set_checkpointing(torch.nn.Linear(2, 2), False)
