"""What is free of a machine: memory and cores, within containers; and how many threads that makes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from passerelle import machine
from passerelle.cli import main
from passerelle.machine import free_cores, free_memory_bytes, threads, usable_cores

Made = Callable[[dict[str, str]], Path]
MEMINFO = "MemTotal: 8000 kB\nMemAvailable: 4000 kB\nSwapFree: 500 kB\n"


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Return what writes files as ``/proc`` and ``/sys`` have them."""

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_memory_of_the_machine(made: Made) -> None:
    assert free_memory_bytes(made({"proc/meminfo": MEMINFO})) == 4500 * 1024


def test_memory_that_nobody_tells(made: Made) -> None:
    assert free_memory_bytes(made({})) is None


def test_memory_of_this_machine() -> None:
    free = free_memory_bytes()
    assert free is None or free > 10**6


STAT = "anon 10\ninactive_file 300\nactive_file 200\n"


def test_memory_of_a_container(made: Made) -> None:
    """The group around it leaves less: 2,000,000 - 1,500,000 and 500 of files."""
    group = "sys/fs/cgroup/outer"
    root = made(
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/outer/inner\n",
            f"{group}/inner/memory.max": "max\n",
            f"{group}/inner/memory.current": "1000\n",
            f"{group}/memory.max": "2000000\n",
            f"{group}/memory.current": "1500000\n",
            f"{group}/memory.stat": STAT,
        }
    )
    assert free_memory_bytes(root) == 500_500


def test_memory_of_a_container_of_the_first_version(made: Made) -> None:
    group = "sys/fs/cgroup/memory/inner"
    total = STAT + "total_inactive_file 30\ntotal_active_file 12\n"
    root = made(
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "5:cpu,cpuacct:/inner\n4:memory:/inner\n0::/\n",
            f"{group}/memory.limit_in_bytes": "1000\n",
            f"{group}/memory.usage_in_bytes": "900\n",
            f"{group}/memory.stat": total,
        }
    )
    assert free_memory_bytes(root) == 142


def stat(busy: int, idle: int) -> str:
    """Return the times of each core of this process, and of one that isn't its own, in hundredths of a second."""
    own = sorted(os.sched_getaffinity(0))
    other = max(own) + 1
    lines = [f"cpu{core} {busy} 0 0 {idle} 0 0 0 0 0 0" for core in own] + [f"cpu{other} 900 0 0 0 0 0 0 0 0 0"]
    return "cpu 1 2 3 4 5 6 7 8 9 10\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize(("limit", "cores"), [("150000 100000", 1.5), ("max 100000", None)])
def test_cores_of_a_container(made: Made, limit: str, cores: float | None) -> None:
    root = made({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": limit, "proc/stat": stat(1, 1)})
    owned = float(len(os.sched_getaffinity(0)))
    assert usable_cores(root) == min(owned, cores or owned)


def test_cores_of_a_container_of_the_first_version(made: Made) -> None:
    group = "sys/fs/cgroup/cpu,cpuacct"
    files = {f"{group}/cpu.cfs_quota_us": "50000\n", f"{group}/cpu.cfs_period_us": "100000\n"}
    assert usable_cores(made({"proc/self/cgroup": "5:cpu,cpuacct:/\n", **files})) == 0.5
    assert usable_cores(made({f"{group}/cpu.cfs_quota_us": "-1\n"})) == float(len(os.sched_getaffinity(0)))


def test_cores_that_others_leave_free(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each core is busy for a second of four: of two cores 1.5 are free."""
    root = made({"proc/stat": stat(100, 100)})
    ticks = os.sysconf("SC_CLK_TCK")
    own = float(len(os.sched_getaffinity(0)))
    monkeypatch.setattr(machine.time, "sleep", lambda seconds: made({"proc/stat": stat(100 + ticks, 100 + 3 * ticks)}))
    assert free_cores(root, 4.0) == pytest.approx(own - own / 4, abs=0.05)


def test_cores_of_a_busy_container(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others in it have computed 3 of 4 seconds; what the machine does beside it doesn't count."""
    files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "100000 100000", "proc/stat": stat(1, 1)}
    root = made({**files, "sys/fs/cgroup/cpu.stat": "usage_usec 1000000\nuser_usec 5\n"})
    monkeypatch.setattr(machine.time, "sleep", lambda s: made({"sys/fs/cgroup/cpu.stat": "usage_usec 4000000\n"}))
    assert free_cores(root, 4.0) == pytest.approx(0.25, abs=0.05)


def test_another_program_takes_a_core() -> None:
    spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        with_it = [free_cores(seconds=0.3) for _ in range(3)]
    finally:
        spin.kill()
        spin.wait()
    assert min(with_it) <= usable_cores() - 0.3


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.mark.usefixtures("unset")
@pytest.mark.parametrize(("free", "chosen"), [(3.6, 4), (9.0, 6), (1.4, 1), (0.2, 1), (-0.1, 1), (1.5, 2)])
def test_threads_are_as_many_as_cores_are_free(
    free: float, chosen: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "free_cores", lambda: free)
    before = torch.get_num_threads()
    torch.set_num_threads(6)
    try:
        with threads(None) as number:
            assert number == torch.get_num_threads() == chosen
            monkeypatch.setattr(machine, "free_cores", lambda: 6.0)
            with threads(None):
                assert torch.get_num_threads() == 6, "what is free is asked anew"
            assert torch.get_num_threads() == chosen
            with threads(3):
                assert torch.get_num_threads() == 3
        assert torch.get_num_threads() == 6
    finally:
        torch.set_num_threads(before)
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"threads: {chosen}, for {max(0.0, free):.1f} of ") and len(said) == 2


def test_what_the_user_sets_counts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(machine, "free_cores", lambda: 1.0)
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    with threads(None) as number:
        assert number == before == torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS")
    with threads(before + 1), threads(None) as number:
        assert number == before + 1, "a block inside keeps what was asked for"
    assert torch.get_num_threads() == before
    assert capsys.readouterr().err == ""


def test_comparisons_compute_in_the_threads_that_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr("passerelle.comparison.run.compare", lambda *given: seen.append(torch.get_num_threads()) or {})
    experiment = Path(__file__).resolve().parents[1] / "experiments" / "demo.yaml"
    for wanted in (3, 1):
        words = ["compare", str(experiment), "--json", "--threads", str(wanted), "--out", str(tmp_path)]
        assert CliRunner().invoke(main, words).exit_code == 0
    assert seen == [3, 1]


def test_a_search_for_unused_memory_leaves_out_what_libraries_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SPARED], check=True, capture_output=True, text=True, cwd=Path(__file__).parent
    )
    before, after, found, compiler, left = map(int, done.stdout.split())
    assert after < before / 10
    assert found == 1, "what comes later is searched still"
    assert not compiler, "nothing is compiled, so torch's compiler isn't imported"
    assert not left, "who asks for compiling later gets it"


_SPARED = """
import gc, os, sys, weakref
from passerelle.machine import spare_imports
class Cycle: pass
import torch
before = len(gc.get_objects())
spare_imports()
after = len(gc.get_objects())
one = Cycle(); one.own = one; gone = weakref.ref(one); del one
gc.collect()
compiler = "torch._inductor.select_algorithm" in sys.modules
print(before, after, int(gone() is None), int(compiler), int("TORCHDYNAMO_DISABLE" in os.environ))
"""
