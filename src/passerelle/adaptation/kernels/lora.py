"""A frozen linear layer with a LoRA adapter (2106.09685) as one function of autograd.

PEFT writes W x + s B A x as it reads: the products, a scaling and a sum that each make a tensor as large as the output,
and the backward of each. Here the low-rank product is added to the output by the matrix product itself: per layer two
passes over the output fewer forward and three backward, and a third of the calls.
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora import Linear
from torch import Tensor
from torch.autograd.function import once_differentiable


class LoraProduct(torch.autograd.Function):
    """W x + b + s B A x, for frozen W and b."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scaling: float
    ) -> Tensor:
        """Return the output [..., out].

        Args:
            ctx: Holds what the backward needs.
            x: Input [..., in].
            weight: W [out, in].
            bias: b [out].
            down: A [rank, in].
            up: B [out, rank].
            scaling: s.
        """
        rows = x.reshape(-1, x.shape[-1])
        low = rows @ down.t()
        # No view is returned: some models add to what a layer gives in place (Llama 4's experts).
        result = x.new_empty((*x.shape[:-1], weight.shape[0]))
        flat = result.view(-1, weight.shape[0])
        if bias is None:
            torch.mm(rows, weight.t(), out=flat)
        else:
            torch.addmm(bias, rows, weight.t(), out=flat)
        torch.addmm(flat, low, up.t(), alpha=scaling, out=flat)
        ctx.save_for_backward(rows, weight, down, up, low)
        ctx.scaling = scaling
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        """Return the gradients of x, A and B."""
        rows, weight, down, up, low = ctx.saved_tensors
        flat = grad.reshape(-1, grad.shape[-1])
        low_grad = (flat @ up).mul_(ctx.scaling)
        down_grad = low_grad.t() @ rows
        up_grad = (flat.t() @ low).mul_(ctx.scaling)
        x_grad = None
        if ctx.needs_input_grad[0]:
            x_grad = flat @ weight
            torch.addmm(x_grad, low_grad, down, out=x_grad)
            x_grad = x_grad.view(*grad.shape[:-1], -1)
        return x_grad, None, None, down_grad, up_grad, None


class FusedLinear(Linear):
    """PEFT's linear layer with an adapter; whatever `LoraProduct` doesn't know is computed as PEFT does."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the output [..., out] of the input [..., in]."""
        name = self._fused_by(x) if not args and not kwargs else None
        if name is None:
            computed: Tensor = super().forward(x, *args, **kwargs)
            return computed
        base, down, up = self.base_layer, self.lora_A[name].weight, self.lora_B[name].weight
        product: Tensor = LoraProduct.apply(x, base.weight, base.bias, down, up, self.scaling[name])  # type: ignore[no-untyped-call]
        return product

    def _fused_by(self, x: Tensor) -> str | None:
        """Return the adapter, if there is one, without dropout, of the layer's number type, on frozen weights."""
        active = self.active_adapters
        if len(active) != 1 or self.disable_adapters or self.merged or active[0] not in self.lora_A:
            return None
        name = str(active[0])
        base, down, up = self.base_layer, self.lora_A[name], self.lora_B[name]
        plain = (
            not self.lora_variant.get(name)
            and up.bias is None
            and isinstance(self.lora_dropout[name], torch.nn.Identity)
        )
        frozen = not base.weight.requires_grad and (base.bias is None or not base.bias.requires_grad)
        alike = x.dtype == base.weight.dtype == down.weight.dtype == up.weight.dtype
        return name if plain and frozen and alike else None


def fuse_lora(model: torch.nn.Module) -> int:
    """Let a model's linear layers with adapters compute by `FusedLinear`; return how many do.

    Their parameters, names and files stay what they are.
    """
    found = [
        module for module in model.modules() if type(module) is Linear and type(module.base_layer) is torch.nn.Linear
    ]
    for module in found:
        module.__class__ = FusedLinear
    return len(found)
