"""Floating-point operations by part of the model, as torch counts them on a sample of the calls."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from passerelle.costs.clocks import on_device

T = TypeVar("T")
ByPart = dict[str, float]
"""Operations by part and pass, as in ``language forward``; passes are forward, backward and recomputed."""
OTHER = "other"
"""What is computed outside of all parts, such as a loss."""


def added(*amounts: Mapping[str, float]) -> ByPart:
    """Add operations part by part."""
    total: ByPart = {}
    for each in amounts:
        for part, flops in each.items():
            total[part] = total.get(part, 0.0) + flops
    return total


def scaled(flops: Mapping[str, float], factor: float) -> ByPart:
    """Multiply operations."""
    return {part: value * factor for part, value in flops.items()}


@dataclass
class FlopMeter:
    """Counts floating-point operations with torch's own counter, on a sample of the calls.

    Counting slows a call down, and operations are nearly proportional to tokens: so every
    `every`-th call is counted and the rest is taken at the counted rate per token.
    """

    every: int = 10
    calls: int = 0
    tokens: int = 0
    counted_tokens: int = 0
    counted_flops: float = field(default=0.0)
    counted_by_part: ByPart = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._modules: Mapping[Any, str] = {}

    def tell_apart(self, modules: Mapping[Any, str]) -> None:
        """Count the operations of these modules by the part that each belongs to."""
        self._modules = modules

    def run(self, tokens: int, work: Callable[[], T]) -> T:
        """Do `work`, which computes `tokens` tokens, and count it or take it at the rate."""
        return self.measure(lambda: (work(), tokens))

    def measure(self, work: Callable[[], tuple[T, int]]) -> T:
        """Do `work`, which says itself how many tokens it has computed, and count it or take it at the rate."""
        self.calls += 1
        if (self.calls - 1) % self.every:
            with on_device():
                result, tokens = work()
            self.tokens += tokens
            return result
        with on_device(), _counting(self._modules) as counted:
            result, tokens = work()
        self.tokens += tokens
        self.counted_flops += sum(counted.values())
        self.counted_by_part = added(self.counted_by_part, counted)
        self.counted_tokens += tokens
        return result

    @property
    def flops(self) -> float:
        """Operations of all calls."""
        return self.counted_flops / self.counted_tokens * self.tokens if self.counted_tokens else 0.0

    @property
    def flops_by_part(self) -> ByPart:
        """Operations of all calls, by part and pass."""
        return scaled(self.counted_by_part, self.tokens / self.counted_tokens) if self.counted_tokens else {}


class AlikeMeter:
    """Counts floating-point operations once for all calls that are alike: counting slows a call down.

    Args:
        modules: The part of the model that each module belongs to.
    """

    def __init__(self, modules: Mapping[Any, str]) -> None:
        self._modules = modules
        self._known: dict[Hashable, ByPart] = {}
        self._fresh: ByPart = {}

    def run(self, alike: Hashable, work: Callable[[], T]) -> T:
        """Do `work`, which takes as many operations as all other calls with an equal `alike`."""
        with on_device():
            if alike in self._known:
                result = work()
            else:
                with _counting(self._modules) as counted:
                    result = work()
                self._known[alike] = counted
        self._fresh = added(self._fresh, self._known[alike])
        return result

    def taken(self) -> ByPart:
        """Return the operations, by part and pass, since the last time that this was asked."""
        fresh, self._fresh = self._fresh, {}
        return fresh


@contextmanager
def _counting(modules: Mapping[Any, str]) -> Iterator[ByPart]:
    """Count the operations of the block by part and pass."""
    import torch
    from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
    from torch.utils.flop_counter import FlopCounterMode

    counted: ByPart = {}
    inside: list[tuple[str, int]] = []  # the parts whose modules run, with the autograd's count when they began
    made: list[tuple[int, int, str]] = []  # which of autograd's nodes were made within a part
    number = torch.autograd._get_sequence_nr  # type: ignore[attr-defined]

    def begin(module: Any, given: Any) -> None:
        if module in modules:
            inside.append((modules[module], number()))

    def end(module: Any, given: Any, result: Any) -> None:
        if module in modules and inside:
            part, first = inside.pop()
            if not inside or inside[-1][0] != part:
                made.append((first, number(), part))

    def where() -> str:
        running = inside[-1][0] if inside else OTHER
        if torch._C._current_graph_task_id() == -1:
            return f"{running} forward"
        if torch.is_grad_enabled():
            return f"{running} recomputed"
        node = torch._C._current_autograd_node()
        place = node._sequence_nr() if node is not None else -1
        # The shortest span: a part within another one is what it is, and what was made last comes first.
        found = ((last - first, -at, part) for at, (first, last, part) in enumerate(made) if first <= place < last)
        return f"{min(found, default=(0, 0, OTHER))[2]} backward"

    class Counter(FlopCounterMode):
        def _count_flops(self, func_packet: Any, out: Any, args: Any, kwargs: Any) -> Any:
            before = self.get_total_flops()
            out = super()._count_flops(func_packet, out, args, kwargs)  # type: ignore[no-untyped-call]
            if more := self.get_total_flops() - before:
                part = where()
                counted[part] = counted.get(part, 0.0) + float(more)
            return out

    hooks = register_module_forward_pre_hook(begin), register_module_forward_hook(end, always_call=True)
    try:
        with Counter(display=False, custom_mapping=_attention_formulas()):
            yield counted
    finally:
        for hook in hooks:
            hook.remove()


def _attention_formulas() -> dict[Any, Any]:
    """Return formulas for the CPU's fused attention, which torch's counter does not know.

    The forward is two products of [queries × head] by [head × keys]; the backward is five.
    """
    import torch

    def product(query: Any, key: Any) -> int:
        batch, heads, queries, size = query
        return int(2 * batch * heads * queries * key[-2] * size)

    def forward(query: Any, key: Any, value: Any, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
        return 2 * product(query, key)

    def backward(grad: Any, query: Any, key: Any, value: Any, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
        return 5 * product(query, key)

    aten = torch.ops.aten
    return {
        aten._scaled_dot_product_flash_attention_for_cpu: forward,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: backward,
    }
