"""The ledger: what each phase of an arm cost in time, floating-point operations and memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, astuple, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from passerelle.costs.clocks import Stopwatch, Took, device_peak_bytes, forget_device_peak, sum_of
from passerelle.costs.flops import ByPart, scaled

Kind = Literal["make", "answers"]
PER = 1000
"""Answers that the cost of asking is told for."""


@dataclass(frozen=True)
class Charge:
    """What translating cost, or a difference of two such costs.

    Attributes:
        sentences: Different sentences that were asked for.
        characters: Their characters.
        seconds: What their translation takes beyond the clock, for whoever has no memory of it.
        engine_eur: What the engine's owner takes for them, by the prices that were given.
        untranslated: Different texts that the engine couldn't translate.
        processor_seconds: As `seconds`, of processors: what the engine takes here beyond what it took now.
        device_seconds: The same of an accelerator.
    """

    sentences: float = 0
    characters: float = 0
    seconds: float = 0.0
    engine_eur: float = 0.0
    untranslated: float = 0
    processor_seconds: float = 0.0
    device_seconds: float = 0.0

    @classmethod
    def of(cls, took: Took) -> Charge:
        """Return a charge of time alone."""
        return cls(seconds=took.seconds, processor_seconds=took.processor_seconds, device_seconds=took.device_seconds)

    def __add__(self, other: Charge) -> Charge:
        return Charge(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Charge) -> Charge:
        return Charge(*(mine - theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


@dataclass
class Phase:
    """One phase of an arm: what it takes alone, as if nothing had been known or shared.

    Attributes:
        phase: Its name, such as "training" or "answers, pope (fr)".
        seconds: Wall-clock time, over all the runs that it took.
        flops: Floating-point operations, forward and backward.
        tokens: Tokens that the language model computed, without padding.
        peak_bytes: Highest resident memory of the process while it ran.
        device_peak_bytes: Most that torch held on an accelerator; ``None`` where none was used, or it wasn't measured.
        sentences: Sentences that an engine translated.
        characters: Their characters.
        engine_eur: What the engine's owner takes for them, by the prices that were given.
        expert_minutes: What people's work takes, by the table of prices.
        shared_by: How many arms need the same work, which was done once for all of them: each is charged for all of
            it, as if it were alone, and has paid this share of it.
        kind: Whether it makes the arm, or asks it.
        language: In which it is asked; empty where it isn't.
        processor_seconds: Of this process and its children; ``None`` where an older version didn't measure it.
        device_seconds: Of an accelerator; ``None`` as before.
        others_core_seconds: What other processes computed on the same cores meanwhile.
        spared_seconds: What of `seconds` wasn't spent here, since it was known already: from a memory, or features.
        spared_processor_seconds: What of `processor_seconds` wasn't.
        spared_device_seconds: What of `device_seconds` wasn't.
        flops_by_part: `flops` by part of the model and pass, as in ``language backward``.
        written_bytes: What was sent to disks while it ran here; ``None`` where the system, or an older version, doesn't
            tell.
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
    kind: Kind = "make"
    language: str = ""
    processor_seconds: float | None = 0.0
    device_seconds: float | None = 0.0
    others_core_seconds: float = 0.0
    spared_seconds: float = 0.0
    spared_processor_seconds: float = 0.0
    spared_device_seconds: float = 0.0
    flops_by_part: ByPart = field(default_factory=dict)
    device_peak_bytes: int | None = None
    written_bytes: float | None = 0.0

    def add(self, took: Took) -> None:
        """Add what some of its work took."""
        self.seconds += took.seconds
        self.processor_seconds = (self.processor_seconds or 0.0) + took.processor_seconds
        self.device_seconds = (self.device_seconds or 0.0) + took.device_seconds
        self.others_core_seconds += took.others_core_seconds
        self.written_bytes = sum_of(self.written_bytes, took.written_bytes)

    def include(self, other: Phase) -> None:
        """Add another phase's amounts."""
        for name in _ADDED:
            setattr(self, name, sum_of(getattr(self, name), getattr(other, name)))

    def times(self, share: float) -> Phase:
        """Return the phase with a share of its amounts: what fewer rows of a file take of what all take."""
        amounts: dict[str, Any] = {name: getattr(self, name) for name in _ADDED}
        amounts = {name: None if value is None else value * share for name, value in amounts.items()}
        return replace(self, **amounts, flops_by_part=scaled(self.flops_by_part, share))

    def to_dict(self) -> dict[str, Any]:
        """Return the phase as plain JSON types."""
        return asdict(self)

    @classmethod
    def read(cls, row: dict[str, Any]) -> Phase:
        """Return a phase that was kept; what an older version didn't measure is left open."""
        known = {each.name for each in fields(cls)}
        unknown = {"processor_seconds": None, "device_seconds": None, "written_bytes": None}
        return cls(**{**unknown, **{name: value for name, value in row.items() if name in known}})


_ADDED = (
    "seconds", "processor_seconds", "device_seconds", "others_core_seconds",
    "spared_seconds", "spared_processor_seconds", "spared_device_seconds",
    "flops", "tokens", "sentences", "characters", "engine_eur", "expert_minutes", "written_bytes",
)  # fmt: skip


@contextmanager
def measured(phase: Phase) -> Iterator[Phase]:
    """Add what the block takes, and its peak memory, to `phase`."""
    forget_peak_memory()
    forget_device_peak()
    watch = Stopwatch()
    try:
        yield phase
    finally:
        phase.add(watch.took())
        phase.peak_bytes = max(phase.peak_bytes, peak_memory_bytes())
        if (most := device_peak_bytes()) is not None:
            phase.device_peak_bytes = max(phase.device_peak_bytes or 0, most)


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
