"""LoRA on the language model: where it lands, what merging does, what comes back from disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from passerelle.errors import TrainingError
from passerelle.models.adapters import (
    add_lora,
    load_parameters,
    lora_parameters,
    merge_lora,
    projector_parameters,
    save_parameters,
)
from passerelle.models.prefix_tree import collate


@torch.inference_mode()
def logprobs(model: Any) -> Tensor:
    torch.manual_seed(3)
    features = torch.randn(2, 4, 16)
    groups = [[model.encode("Qu'est-ce que c'est ?", reply, row) for reply in ("Un merle.", "Oui")] for row in range(2)]
    return model.target_logprobs(collate(groups, model.image_token, model.end_token), features)  # type: ignore[no-any-return]


def stir(model: Any, scale: float) -> None:
    torch.manual_seed(4)
    with torch.no_grad():
        for parameter in lora_parameters(model).values():
            parameter.normal_(0, scale)


def test_it_lands_in_the_language_model_only(tiny: Any) -> None:
    before = logprobs(tiny)
    add_lora(tiny, rank=3, alpha=6, seed=1)
    names = list(lora_parameters(tiny))
    # 2 layers × 7 matrices × 2 factors
    assert len(names) == 28
    assert all("language_model.layers" in name for name in names)
    assert not any("vision_tower" in name or "projector" in name or "lm_head" in name for name in names)
    assert torch.equal(logprobs(tiny), before), "a fresh adapter changes nothing"


def test_the_seed_decides_the_start(tiny: Any, fresh: Callable[[], Any]) -> None:
    other, third = fresh(), fresh()
    for model, seed in ((tiny, 1), (other, 1), (third, 2)):
        add_lora(model, rank=2, alpha=4, seed=seed)
    first, second, last = (torch.cat([p.flatten() for p in lora_parameters(m).values()]) for m in (tiny, other, third))
    assert torch.equal(first, second)
    assert not torch.equal(first, last)


def test_a_pattern_that_matches_nothing(tiny: Any) -> None:
    with pytest.raises(TrainingError, match=r"'nothing\.like\.it' matches no module"):
        add_lora(tiny, rank=2, alpha=4, seed=1, targets="nothing.like.it")


@pytest.mark.parametrize("targets", [r".*multi_modal_projector\.linear_\d", r".*(linear_1|q_proj)"])
def test_a_pattern_that_matches_too_much(tiny: Any, targets: str) -> None:
    with pytest.raises(TrainingError, match=r"landed outside the language model, at '.*linear_1.*'"):
        add_lora(tiny, rank=2, alpha=4, seed=1, targets=targets)


def test_merging_keeps_what_was_learnt(tiny: Any) -> None:
    before = logprobs(tiny)
    wrapped = add_lora(tiny, rank=3, alpha=6, seed=1)
    stir(tiny, 0.3)
    adapted = logprobs(tiny)
    assert (adapted - before).abs().max() > 0.01
    merge_lora(tiny, wrapped)
    assert not lora_parameters(tiny)
    assert type(tiny.model).__name__ == "LlavaForConditionalGeneration"
    torch.testing.assert_close(logprobs(tiny), adapted, rtol=0, atol=1e-4)


def test_merging_in_bf16(tiny: Any) -> None:
    tiny.model.to(torch.bfloat16)
    wrapped = add_lora(tiny, rank=3, alpha=6, seed=1)
    assert {p.dtype for p in lora_parameters(tiny).values()} == {torch.bfloat16}
    stir(tiny, 0.2)
    adapted = logprobs(tiny)
    merge_lora(tiny, wrapped)
    torch.testing.assert_close(logprobs(tiny), adapted, rtol=0, atol=0.05)


def test_parameters_come_back(tiny: Any, fresh: Callable[[], Any], tmp_path: Path) -> None:
    saved, other = projector_parameters(tiny), fresh()
    with torch.no_grad():
        saved["projector.linear_1.weight"].add_(1)
    save_parameters(tmp_path / "arm" / "weights.safetensors", saved)
    assert load_parameters(tmp_path / "arm" / "weights.safetensors", projector_parameters(other))
    for name, parameter in projector_parameters(other).items():
        assert torch.equal(parameter, saved[name])


@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "text", "other names", "other shapes"])
def test_what_is_not_whole_is_not_loaded(tiny: Any, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "weights.safetensors"
    parameters = projector_parameters(tiny)
    saved = {name: p.detach() + 1 for name, p in parameters.items()}
    if damage == "other names":
        saved["projector.more"] = torch.zeros(2)
    elif damage == "other shapes":
        saved["projector.linear_2.bias"] = torch.zeros(2)
    save_parameters(path, saved)
    if damage == "missing":
        path.unlink()
    elif damage in ("cut", "empty", "text"):
        content = path.read_bytes()
        path.write_bytes({"cut": content[:-5], "empty": b"", "text": b"not weights at all"}[damage])
    before = {name: p.detach().clone() for name, p in parameters.items()}
    assert load_parameters(path, parameters) is False
    assert all(torch.equal(p, before[name]) for name, p in parameters.items())
