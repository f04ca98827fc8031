"""LoRA in one function computes what PEFT computes, forward and backward, and steps aside where it can't."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from passerelle.adaptation.kernels.lora import FusedLinear, fuse_lora


class Two(nn.Module):
    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(8, 12, bias=bias), nn.Linear(12, 5, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.two(torch.tanh(self.one(x)))
        return hidden


def adapted(bias: bool = True, **changes: Any) -> Any:
    torch.manual_seed(1)
    config = LoraConfig(r=3, lora_alpha=7, target_modules=["one", "two"], init_lora_weights=False, **changes)
    return get_peft_model(Two(bias), config)


def learnt(model: Any, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    torch.manual_seed(2)
    given = x.clone().requires_grad_()
    result = model(given)
    result.square().sum().backward()
    grads = {name: value.grad for name, value in model.named_parameters() if value.grad is not None}
    assert given.grad is not None
    return result.detach(), grads | {"x": given.grad}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4, 8), (2, 3, 8)])
def test_results_and_gradients_are_pefts(shape: tuple[int, ...], bias: bool) -> None:
    plain = adapted(bias)
    fused = copy.deepcopy(plain)
    assert fuse_lora(fused) == 2
    x = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    (expected, grads), (found, own) = learnt(plain, x), learnt(fused, x)
    torch.testing.assert_close(found, expected)
    assert own.keys() == grads.keys() and len(own) == 5
    for name, grad in grads.items():
        torch.testing.assert_close(own[name], grad)
    assert fused.state_dict().keys() == plain.state_dict().keys()
    torch.testing.assert_close(fused.merge_and_unload()(x), expected)


def disabled(model: Any, x: Tensor) -> Tensor:
    with model.disable_adapter():
        result: Tensor = model(x)
    return result


def merged(model: Any, x: Tensor) -> Tensor:
    model.merge_adapter()
    result: Tensor = model(x)
    model.unmerge_adapter()
    return result


def dropping(model: Any, x: Tensor) -> Tensor:
    torch.manual_seed(4)
    result: Tensor = model.train()(x)
    return result


def unfrozen(model: Any, x: Tensor) -> Tensor:
    model.base_model.model.two.base_layer.weight.requires_grad_(True)
    model.zero_grad()
    model(x).sum().backward()
    grad: Tensor = model.base_model.model.two.base_layer.weight.grad
    return grad


def two_adapters(model: Any, x: Tensor) -> Tensor:
    model.add_adapter("more", LoraConfig(r=2, target_modules=["one"], init_lora_weights=True))
    model.base_model.set_adapter(["default", "more"])
    result: Tensor = model(x)
    return result


CASES: tuple[tuple[dict[str, Any], Callable[..., Tensor]], ...] = (
    ({}, disabled),
    ({}, merged),
    ({"lora_dropout": 0.5}, dropping),
    ({"use_dora": True}, dropping),
    ({"lora_bias": True}, dropping),
    ({}, unfrozen),
    ({}, two_adapters),
)


@pytest.mark.parametrize("changes, how", CASES, ids=[f"{how.__name__} {' '.join(changes)}" for changes, how in CASES])
def test_what_it_does_not_know_is_computed_by_peft(changes: dict[str, Any], how: Callable[..., Tensor]) -> None:
    plain = adapted(**changes)
    fused = copy.deepcopy(plain)
    fuse_lora(fused)
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(how(fused, x), how(plain, x))


def test_embeddings_and_other_layers_are_left_alone() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.line = nn.Embedding(9, 8), nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.line(self.table(x))
            return found

    model = get_peft_model(Named(), LoraConfig(r=2, target_modules=["table", "line"], init_lora_weights=False))
    before = model(torch.arange(9))
    assert fuse_lora(model) == 1
    assert isinstance(model.base_model.model.line, FusedLinear)
    torch.testing.assert_close(model(torch.arange(9)), before)
