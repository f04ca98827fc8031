"""The ledger: what each phase of an arm cost in seconds, floating-point operations and memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Charge:
    """What translating cost, or a difference of two such costs.

    Attributes:
        sentences: Different sentences that were asked for.
        characters: Their characters.
        seconds: What their translation takes beyond the clock, for whoever has no memory of it.
        engine_eur: What the engine's owner takes for them, by the prices that were given.
        untranslated: Different texts that the engine couldn't translate.
    """

    sentences: float = 0
    characters: float = 0
    seconds: float = 0.0
    engine_eur: float = 0.0
    untranslated: float = 0

    def __add__(self, other: Charge) -> Charge:
        return Charge(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Charge) -> Charge:
        return Charge(*(mine - theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


@dataclass
class Phase:
    """One phase of an arm.

    Attributes:
        phase: Its name, such as "training" or "answers, human test".
        seconds: Wall-clock time, over all the runs that it took.
        flops: Floating-point operations, forward and backward.
        tokens: Tokens that the language model computed, without padding.
        peak_bytes: Highest resident memory of the process while it ran.
        sentences: Sentences that an engine translated.
        characters: Their characters.
        engine_eur: What the engine's owner takes for them, by the prices that were given.
        expert_minutes: What people's work takes, by the table of prices.
        shared_by: How many arms need the same work, which was done once for all of them: each is charged for all of
            it, as if it were alone, and has paid this share of it.
    """

    phase: str
    seconds: float = 0.0
    flops: float = 0.0
    tokens: int = 0
    peak_bytes: int = 0
    sentences: int = 0
    characters: int = 0
    engine_eur: float = 0.0
    expert_minutes: float = 0.0
    shared_by: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the phase as plain JSON types."""
        return asdict(self)


@contextmanager
def measured(phase: Phase) -> Iterator[Phase]:
    """Add the time that the block takes, and its peak memory, to `phase`."""
    forget_peak_memory()
    start = time.perf_counter()
    try:
        yield phase
    finally:
        phase.seconds += time.perf_counter() - start
        phase.peak_bytes = max(phase.peak_bytes, peak_memory_bytes())


def forget_peak_memory() -> None:
    """Start the process's memory high-water mark anew, where Linux allows it; what is free goes back first."""
    import ctypes
    import gc

    gc.collect()
    with suppress(OSError, AttributeError):  # another C library keeps what it has
        ctypes.CDLL(None).malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_memory_bytes() -> int:
    """Return the highest resident memory since `forget_peak_memory`, or since the process began."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


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

    def run(self, tokens: int, work: Callable[[], T]) -> T:
        """Do `work`, which computes `tokens` tokens, and count it or take it at the rate."""
        return self.measure(lambda: (work(), tokens))

    def measure(self, work: Callable[[], tuple[T, int]]) -> T:
        """Do `work`, which says itself how many tokens it has computed, and count it or take it at the rate."""
        self.calls += 1
        if (self.calls - 1) % self.every:
            result, tokens = work()
            self.tokens += tokens
            return result
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False, custom_mapping=_attention_formulas()) as counter:
            result, tokens = work()
        self.tokens += tokens
        self.counted_flops += float(counter.get_total_flops())
        self.counted_tokens += tokens
        return result

    @property
    def flops(self) -> float:
        """Operations of all calls."""
        return self.counted_flops / self.counted_tokens * self.tokens if self.counted_tokens else 0.0


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
