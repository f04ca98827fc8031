"""What of this machine is free for this process: cores and memory, within what containers and affinity leave it."""

from __future__ import annotations

import gc
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from passerelle.progress import say

_ROOT = Path("/")
_WATCHED_SECONDS = 0.25
_NO_COMPILING = "TORCHDYNAMO_DISABLE"  # torch asks each time that something is to be compiled
_OBJECTS_A_SEARCH = 200_000  # several chunks of rows; Python's own 700 is a few rows
_asked: ContextVar[int | None] = ContextVar("asked", default=None)  # of a block around this one
_most: ContextVar[int | None] = ContextVar("most", default=None)  # what was set before the outermost block


def free_memory_bytes(root: Path = _ROOT) -> int | None:
    """Return how much memory this process can still have: the machine's or its container's, whichever is less.

    What the system keeps of files counts as free, and so does swap.

    Args:
        root: Where ``/proc`` and ``/sys`` are.

    Returns:
        Bytes; ``None`` where the system doesn't say.
    """
    machine = _machine_memory(root)
    return None if machine is None else min([machine, *_group_memory(root)])


def _machine_memory(root: Path) -> int | None:
    found = dict(re.findall(r"^(\w+):\s*(\d+) kB", _read(root / "proc/meminfo"), flags=re.MULTILINE))
    if "MemAvailable" not in found:
        return None
    return 1024 * (int(found["MemAvailable"]) + int(found.get("SwapFree", 0)))


def _group_memory(root: Path) -> Iterator[int]:
    """Return what each control group of this process leaves it."""
    for folder in _groups(root, "memory"):
        names = ("memory.max", "memory.current", "") if (folder / "memory.max").exists() else _FIRST_VERSION
        limit, used = (_read(folder / name).strip() for name in names[:2])
        if limit.isdigit() and used.isdigit():
            files = re.findall(
                rf"^{names[2]}(?:in)?active_file (\d+)", _read(folder / "memory.stat"), flags=re.MULTILINE
            )
            yield max(0, int(limit) - int(used) + sum(map(int, files)))


_FIRST_VERSION = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Return the folders of this process's control groups for a controller, from its own up to the highest."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, place = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / controllers
        folder = mount / place.strip("/")
        for one in [folder, *folder.parents]:
            if one.is_relative_to(mount) and one.is_dir():
                yield one


def processes_beside() -> int:
    """Return how many processes of this run share the machine, this one among them: what torchrun says, or one."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def usable_cores(root: Path = _ROOT) -> float:
    """Return how many cores this process may use: its affinity, and its container's share."""
    return min([float(len(_affinity())), *(limit for limit, _ in _quotas(root))])


def _affinity() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def _quotas(root: Path) -> Iterator[tuple[float, float]]:
    """Return the cores that each control group may use, and the seconds that its processes have computed."""
    for folder in _groups(root, "cpu"):
        limit = (_read(folder / "cpu.max") or _joined(folder, "cpu.cfs_quota_us", "cpu.cfs_period_us")).split()
        used = re.search(r"^usage_usec (\d+)", _read(folder / "cpu.stat"), flags=re.MULTILINE)
        nanoseconds = _read(folder / "cpuacct.usage").strip()
        seconds = int(used[1]) / 1e6 if used else int(nanoseconds or 0) / 1e9
        if len(limit) == 2 and limit[0].isdigit():
            yield int(limit[0]) / int(limit[1]), seconds


def _joined(folder: Path, *names: str) -> str:
    return " ".join(_read(folder / name).strip() for name in names)


def free_cores(root: Path = _ROOT, seconds: float = _WATCHED_SECONDS) -> float:
    """Return how many of the cores that this process may use other processes leave free.

    Args:
        root: Where ``/proc`` and ``/sys`` are.
        seconds: How long they are watched.
    """
    before, own = _busy(root), time.process_time()
    time.sleep(seconds)
    after, mine = _busy(root), time.process_time() - own
    return min(
        limit - max(0.0, now - then - mine) / seconds for (limit, then), (_, now) in zip(before, after, strict=True)
    )


def busy_core_seconds(root: Path = _ROOT) -> float:
    """Return the seconds that all processes have computed so far on the cores that this process may use."""
    return _busy(root)[0][1]


def _busy(root: Path) -> list[tuple[float, float]]:
    """Return limits in cores, and the seconds that were computed under each, of all processes."""
    cores = _affinity()
    times = re.findall(r"^cpu(\d+) (.*)$", _read(root / "proc/stat"), flags=re.MULTILINE)
    # user, nice, system, idle, iowait, irq, softirq, steal
    own = [list(map(int, values.split())) for number, values in times if int(number) in cores]
    ticks = sum(sum(values[:3]) + sum(values[5:8]) for values in own)
    return [(float(len(cores)), ticks / os.sysconf("SC_CLK_TCK")), *_quotas(root)]


@contextmanager
def threads(wanted: int | None) -> Iterator[int]:
    """Let torch compute in as many threads as cores are free, and say so; what was set comes back behind the block.

    Threads wait for each other: more of them than free cores make all of them slower. What the user set counts before
    what is free: here, in a block around this one, or by ``OMP_NUM_THREADS``.

    Args:
        wanted: So many, whatever is free; ``None``: as many as cores are free, torch's own number at most.
    """
    import torch

    before = torch.get_num_threads()
    wanted, most = wanted or _asked.get(), _most.get() or before
    if wanted is None and os.environ.get("OMP_NUM_THREADS"):
        yield before
        return
    torch.set_num_threads(wanted or _fitting(most))
    tokens = _asked.set(wanted), _most.set(most)
    try:
        yield torch.get_num_threads()
    finally:
        _asked.reset(tokens[0])
        _most.reset(tokens[1])
        torch.set_num_threads(before)


def _fitting(most: int) -> int:
    """Return how many threads fit into what is free, and say so."""
    free = free_cores()
    chosen = max(1, min(most, int(free + 0.5)))
    say(f"threads: {chosen}, for {max(0.0, free):.1f} of {usable_cores():g} cores are free (--threads sets them)")
    return chosen


@cache
def spare_imports() -> None:
    """Import what training and asking need, once, and leave it out of every later search for unused memory.

    Each search goes through half a million objects of torch, transformers and PEFT, for half a second, and each phase
    that is measured begins with one; while they are imported, Python searches for nothing, which takes a sixth of the
    time. For commands, not for what is called from Python: what a program holds by then is left out too.
    """
    searches = gc.isenabled()
    gc.disable()
    try:
        import transformers.models.auto.modeling_auto  # noqa: F401

        with _nothing_compiled():
            import peft  # noqa: F401
    finally:
        if searches:
            gc.enable()
    gc.collect()
    gc.freeze()


@contextmanager
def _nothing_compiled() -> Iterator[None]:
    """Let `torch.compile` leave functions as they are.

    PEFT imports bitsandbytes where it is installed, which has four compiled, that a GPU doesn't use: for them torch
    imports its whole compiler, which takes longer than all of PEFT.
    """
    before = os.environ.get(_NO_COMPILING)
    os.environ[_NO_COMPILING] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_NO_COMPILING]
        else:
            os.environ[_NO_COMPILING] = before


@contextmanager
def rare_searches() -> Iterator[None]:
    """Let Python look for garbage in circles less often while much is made that holds none.

    Rows make none, and the look takes a fifth of a run whose translations are known; modules that are imported neither.
    """
    usual = gc.get_threshold()
    gc.set_threshold(_OBJECTS_A_SEARCH, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""
