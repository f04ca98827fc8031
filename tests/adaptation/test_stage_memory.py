"""What a stage takes in memory is foreseen, said, and refused where it can't fit."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from adaptations import encoded_rows, losses
from families.tiny import FAMILIES
from passerelle.adaptation import memory
from passerelle.adaptation.memory import StageMemory
from passerelle.adaptation.optimizer import MasterAdamW, ParameterGroup
from passerelle.adaptation.run import adapt
from passerelle.adaptation.settings import AdaptSettings
from passerelle.errors import UserError
from passerelle.models.batches import layout_logprobs
from passerelle.models.footprint import language_footprint, mask_kind
from passerelle.models.layouts import Layout, follows_trees, merged, padded
from passerelle.models.pretrained import PretrainedModel, load_pretrained, set_checkpointing, set_training
from passerelle.models.vision_cache import VisionFeatures

Make = Callable[..., AdaptSettings]
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
TOLD = StageMemory(100, 80, 60, 4000, 400, 0, 500, accumulated=False)


def kept(pretrained: PretrainedModel, layout: Layout, vision: VisionFeatures) -> int:
    """Return the bytes that a whole forward keeps, its logits apart."""
    weights = {p.untyped_storage().data_ptr() for p in pretrained.model.parameters()}
    found: dict[int, int] = {}
    vocabulary = pretrained.bare.config.get_text_config().vocab_size

    alive = []

    def keep(tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights and tensor.shape[-1:] != (vocabulary,):
            found[storage.data_ptr()] = storage.nbytes()
            alive.append(storage)

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda nothing: nothing):
        logprobs = layout_logprobs(pretrained, vision, layout)
    assert logprobs.requires_grad
    return sum(found.values())


def test_a_model_that_was_counted_goes_when_it_is_no_longer_used(models: Callable[[str], Path]) -> None:
    pretrained = load_pretrained(models("llava"), dtype="float32")
    set_training(pretrained.model.requires_grad_(True), True)
    language_footprint(pretrained, torch.ones(2, 64, dtype=torch.long))
    weights = [weakref.ref(weight) for weight in pretrained.model.parameters()]
    del pretrained
    gc.collect()
    assert not [weight for weight in weights if weight() is not None]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_layers_keep_is_foreseen(family: str, models: Callable[[str], Path], data: Path) -> None:
    pretrained = load_pretrained(models(family), dtype="float32")
    for parameter in pretrained.family.parameters(pretrained.model, "language").values():
        parameter.requires_grad_(True)
    set_training(pretrained.model, True)
    rows = encoded_rows(pretrained, data, 6)
    vision = VisionFeatures(pretrained, None)
    vision.prepare([row.images for row in rows])
    layouts = [padded(pretrained, rows)]
    if follows_trees(pretrained, 1):
        layouts.append(merged(pretrained, rows, [range(len(rows))]))
    for layout in layouts:
        lines, width = layout.inputs["input_ids"].shape
        footprint = language_footprint(pretrained, layout.inputs.get("attention_mask"))
        assert footprint.kept(lines, width) == pytest.approx(kept(pretrained, layout, vision), rel=0.1)
        set_checkpointing(pretrained.model, True)
        measured = kept(pretrained, layout, vision)
        set_checkpointing(pretrained.model, False)
        inputs = lines * width * footprint.hidden * footprint.layers
        assert footprint.kept(lines, width, checkpointing=True) > inputs
        assert measured < footprint.kept(lines, width, checkpointing=True) + inputs


def test_batches_of_one_kind_are_tried_once() -> None:
    whole, padded_once = torch.ones(2, 5), torch.ones(4, 9)
    padded_once[3, :4] = 0
    trees = torch.ones(1, 1, 6, 6).tril()
    kinds = [mask_kind(mask) for mask in (None, whole, torch.ones(3, 8), padded_once, trees, torch.ones(1, 1, 9, 9))]
    assert kinds[1] == kinds[2] and kinds[4] == kinds[5] and len(set(kinds)) == 4


@pytest.mark.parametrize("optim", ["adamw_torch_fused", "adamw_8bit"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_state_is_what_the_optimizer_holds(optim: Any, dtype: torch.dtype) -> None:
    parameters = {name: torch.nn.Parameter(torch.zeros(size, 70, dtype=dtype)) for name, size in (("a", 90), ("b", 3))}
    optimizer = MasterAdamW([ParameterGroup("all", parameters, 0.1)], optim=optim)
    for parameter in parameters.values():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step(1.0, 1.0)
    held = sum(
        value.nbytes
        for name, value in optimizer.state().items()
        if not name.startswith(("step", "qmap")) and (dtype != torch.float32 or not name.startswith("master"))
    )
    assert sum(memory._state_bytes(parameter, optim) for parameter in parameters.values()) == held


def test_it_is_said_and_kept(settings: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adapt(settings(method="two-stage"))
    said = capsys.readouterr().err
    assert "stage 'language': 0.00 GiB or more beside the weights" in said
    assert "GiB are free: weights 0.00, layers 0.00 (0.00 with gradient_checkpointing), optimizer 0.00" in said
    record = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    first, second = (stage["memory"] for stage in record["stages"])
    adapters = record["stages"][0]["parts"][2]["adapter"]
    assert first["weights"] == second["weights"] + 4 * adapters > 4 * 100_000
    assert first["optimizer"] == 8 * adapters and first["gradients"] == 4 * adapters
    assert first["layers"] > first["layers_again"] > 0 and first["gradient_checkpointing"] is False
    assert second["pictures"] > 0 == first["pictures"], "the projector keeps what it is trained by"


def test_what_cannot_fit_is_refused_before_the_first_step(settings: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 100_000)
    with pytest.raises(UserError, match=r"stage 'training' doesn't fit into memory: .*gradient_checkpointing true"):
        adapt(settings())
    with pytest.raises(UserError, match=r"LoRA in place of full training, or optim adamw_8bit"):
        adapt(settings(method="full", learning_rate=0.001, per_device_train_batch_size=1))
    assert losses(adapt(settings(check_memory=False, max_steps=2)))


def test_what_fits_with_less_is_not_refused(settings: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = adapt(settings(max_steps=2))
    foreseen = {k: v for k, v in record["stages"][0]["memory"].items() if k != "gradient_checkpointing"}
    needed = StageMemory(**foreseen)
    monkeypatch.setattr(memory, "free_bytes", lambda device: needed.least(True))
    changes = {"max_steps": 2, "output_dir": str(tmp_path / "less")}
    with pytest.raises(UserError, match="doesn't fit"):
        adapt(settings(**changes))
    assert losses(adapt(settings(gradient_checkpointing=True, **changes))) == pytest.approx(losses(record), abs=1e-4)
    monkeypatch.setattr(memory, "free_bytes", lambda device: needed.least(False) // 2)
    divided = adapt(settings(auto_batch=True, output_dir=str(tmp_path / "divided"), max_steps=2))
    assert divided["stages"][0]["memory"]["layers"] < needed.layers / 2, "one row is what it comes to"


def test_parts_add_up() -> None:
    assert TOLD.likely(False) == 80 + 60 + 4000 + 500
    assert TOLD.likely(True) == 80 + 60 + 400 + 500
    assert TOLD.least(False) == 80 + 4500, "gradients come when what was kept goes"
    assert StageMemory(100, 80, 600, 10, 10, 0, 5, accumulated=False).least(False) == 680
    assert StageMemory(100, 80, 600, 10, 10, 0, 5, accumulated=True).least(False) == 695


@pytest.mark.parametrize(("device", "free", "on"), [("cuda", 5000, True), ("cuda", 5200, False), ("cpu", 1, False)])
def test_layers_are_computed_again_where_a_gpu_asks_for_it(device: str, free: int, on: bool) -> None:
    assert memory._asks_for_less(TOLD, free, torch.device(device)) is on
    assert memory._asks_for_less(TOLD, None, torch.device("cuda")) is False


def test_a_model_that_cannot_be_foreseen_is_trained_all_the_same(
    settings: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cannot(*given: Any) -> None:
        raise TypeError("no inputs_embeds")

    monkeypatch.setattr(memory, "foresee", cannot)
    record = adapt(settings(max_steps=2))
    assert record["stages"][0]["memory"] == {"gradient_checkpointing": False}
    assert "can't be foreseen (no inputs_embeds)" in capsys.readouterr().err


@pytest.mark.gpu
@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_gpu_holds_what_was_foreseen(settings: Make, checkpointing: bool) -> None:
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    record = adapt(settings(method="full", learning_rate=0.001, gradient_checkpointing=checkpointing))
    told = dict(record["stages"][0]["memory"])
    told.pop("gradient_checkpointing")
    needed = StageMemory(**told)
    taken = torch.cuda.max_memory_allocated() - before
    assert needed.weights + needed.least(checkpointing) < 1.1 * taken
    assert taken < 2 * (needed.weights + needed.likely(checkpointing))
