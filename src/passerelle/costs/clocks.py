"""Clocks (the wall's, the processor's with children, the device's), how busy others were, and what went to disks."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from passerelle.machine import busy_core_seconds, usable_cores

_PROC = Path("/proc")
_TICK = 1 / os.sysconf("SC_CLK_TCK")
OTHERS_SHARE = 0.1
"""Where others kept more than this share of the usable cores busy, the wall clock can't be trusted."""


@dataclass(frozen=True)
class Took:
    """What some work took, by several clocks.

    Attributes:
        seconds: By the wall clock, which runs on while others hold the machine.
        processor_seconds: Of this process and its children, over all cores: the same, whoever else is there.
        device_seconds: From the first to the last operation of each piece of work on an accelerator.
        others_core_seconds: What other processes computed meanwhile, on the cores that this one may use.
        written_bytes: What this process and its children sent to disks; ``None`` where the system doesn't tell.
    """

    seconds: float = 0.0
    processor_seconds: float = 0.0
    device_seconds: float = 0.0
    others_core_seconds: float = 0.0
    written_bytes: float | None = 0.0

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Took:
        """Return what was kept, which may stand among other things; older versions didn't measure what was written."""
        times: dict[str, Any] = {
            each.name: float(row[each.name]) for each in fields(cls) if each.name != "written_bytes"
        }
        return cls(**times, written_bytes=row.get("written_bytes"))

    def __add__(self, other: Took) -> Took:
        sums: Iterator[Any] = map(sum_of, astuple(self), astuple(other))
        return Took(*sums)

    def __sub__(self, other: Took) -> Took:
        return self + other * -1

    def __mul__(self, factor: float) -> Took:
        products: list[Any] = [None if mine is None else mine * factor for mine in astuple(self)]
        return Took(*products)


def sum_of(*amounts: float | None) -> float | None:
    """Add amounts up; the sum isn't known where one of them isn't."""
    known = [amount for amount in amounts if amount is not None]
    return float(sum(known)) if len(known) == len(amounts) else None


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._wall, self._processor, self._device = time.perf_counter(), processor_seconds(), device_seconds()
        self._busy, self._written = busy_core_seconds(), written_bytes()

    def took(self) -> Took:
        """Return what was taken since."""
        wall, processor = time.perf_counter() - self._wall, processor_seconds() - self._processor
        others = max(0.0, busy_core_seconds() - self._busy - processor)
        written, before = written_bytes(), self._written
        wrote = None if written is None or before is None else max(0, written - before)
        return Took(wall, max(0.0, processor), device_seconds() - self._device, others, wrote)


def others_cores(seconds: float, others_core_seconds: float) -> float:
    """Return how many cores other processes kept busy on average."""
    return others_core_seconds / seconds if seconds > 0 else 0.0


def clock_holds(seconds: float, others_core_seconds: float) -> bool:
    """Whether the wall clock says what the work takes: others left the machine to it."""
    return others_cores(seconds, others_core_seconds) <= OTHERS_SHARE * usable_cores()


def processor_seconds() -> float:
    """Return the processor time of this process and of all its children, those that still run among them."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = sum(map(_ticks, _descendants(os.getpid()))) * _TICK
    return time.process_time() + ended.ru_utime + ended.ru_stime + running


def _descendants(process: int) -> Iterator[int]:
    """Yield the processes that a process has started, and theirs; without pathlib, for there may be a hundred."""
    with suppress(OSError):
        for task in os.listdir(f"{_PROC}/{process}/task"):
            for child in map(int, _read(f"{process}/task/{task}/children").split()):
                yield child
                yield from _descendants(child)


def _ticks(process: int) -> int:
    """Return the processor time of a process and of those of its children that ended, in ticks."""
    return sum(map(int, _read(f"{process}/stat").rpartition(b")")[2].split()[11:15]))


def _read(name: str) -> bytes:
    """Return what the system says of a process; nothing when it has ended."""
    with suppress(OSError), open(f"{_PROC}/{name}", "rb") as file:
        return file.read()
    return b""


def written_bytes() -> int | None:
    """Return what this process and its children, ended or not, sent to disks so far, as Linux counts it.

    Whole pages count, those of files mapped to memory too; what stays in memory, as in ``/dev/shm``, doesn't.

    Returns:
        ``None`` where the system doesn't tell.
    """
    own = _written(os.getpid())  # the kernel adds a child's when it has ended
    return None if own is None else own + sum(_written(child) or 0 for child in _descendants(os.getpid()))


def _written(process: int) -> int | None:
    lines = _read(f"{process}/io").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(b"write_bytes:")), None)


_done = 0.0
_under_way: list[tuple[Any, Any]] = []
_depth = 0
_MOST_EVENTS = 1000


@contextmanager
def on_device() -> Iterator[None]:
    """Count what the block has an accelerator do as device time; blocks within it count once."""
    global _depth
    torch = _with_device()
    if _depth or torch is None:
        yield
        return
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    _depth += 1
    first.record()
    try:
        yield
    finally:
        _depth -= 1
        last.record()
        _under_way.append((first, last))
        if len(_under_way) > _MOST_EVENTS:
            device_seconds()


def device_seconds() -> float:
    """Return the device time of all blocks so far; waits for what the device still computes of them."""
    global _done
    while _under_way:
        first, last = _under_way.pop()
        last.synchronize()
        _done += first.elapsed_time(last) / 1000
    return _done


def device_name() -> str:
    """Return what torch calls the accelerator that is used; empty where none is."""
    torch = _with_device()
    return "" if torch is None else str(torch.cuda.get_device_name())


def forget_device_peak() -> None:
    """Start the high-water mark of what torch holds on the accelerator anew, where one is used."""
    if (torch := _with_device()) is not None:
        torch.cuda.reset_peak_memory_stats()


def device_peak_bytes() -> int | None:
    """Return the most that torch held on the accelerator since `forget_device_peak`; ``None`` where none is used."""
    torch = _with_device()
    return None if torch is None else int(torch.cuda.max_memory_allocated())


def _with_device() -> Any | None:
    """Return torch, where it is loaded and uses an accelerator."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_initialized() else None
