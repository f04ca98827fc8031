"""Clocks: processor time of this process and its children, which doesn't depend on who else is on the machine."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from passerelle.costs.clocks import Stopwatch, Took, clock_holds, processor_seconds, written_bytes
from passerelle.costs.flops import FlopMeter
from passerelle.costs.ledger import Phase, measured
from passerelle.costs.summary import cost_of

BUSY = "while True: pass"
COMPUTE = "import time\nwhile time.process_time() < 0.3: pass\nprint('done', flush=True)\ninput()"


@pytest.fixture
def one_core() -> Iterator[None]:
    """Share one core with whoever is started: two cores of a kind would also share what is in a processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    yield
    os.sched_setaffinity(0, before)


WITHIN, SURELY = 0.1, 0.3
"""What ranks arms differs by less than the first on a machine that is left alone, by less than the second on any: the
wall clock beside a loop differs by 2."""


def work() -> Phase:
    """Compute a fixed amount."""
    phase, meter = Phase("training", kind="make"), FlopMeter()
    factor = torch.full((32, 32), 1 / 32)
    value = factor
    with measured(phase):
        for _ in range(50):
            value = meter.run(32, lambda: value @ factor)  # noqa: B023 - done before the next
        sum(number * number for number in range(800_000))
    phase.flops, phase.tokens = meter.flops, meter.tokens
    return phase


def least(phases: list[Phase]) -> dict[str, float]:
    """Return what ranks arms, of the cheapest of some equal phases."""
    made = [cost_of([[phase]], {}, "fr")["make"] for phase in phases]
    return {key: min(each[key] for each in made) for key in ("processor_seconds", "flops", "tokens", "euros")}


@pytest.fixture
def busy_loop(one_core: None) -> Iterator[int]:
    """Somebody else's endless loop on the same core, stopped for now: no child of this process."""
    start = f"{shlex.quote(sys.executable)} -c {shlex.quote(BUSY)} > /dev/null & echo $!"
    started = int(subprocess.run(["sh", "-c", start], stdout=subprocess.PIPE, text=True, check=True).stdout)
    os.kill(started, signal.SIGSTOP)
    yield started
    os.kill(started, signal.SIGKILL)


def test_what_ranks_arms_is_the_same_beside_a_busy_loop(busy_loop: int) -> None:
    work()
    alone: list[Phase] = []
    beside: list[Phase] = []
    # What else the machine does comes and goes: both are measured in turn, until the least of each is known.
    while len(alone) < 3 or (len(alone) < 25 and least(beside) != pytest.approx(least(alone), rel=WITHIN)):
        alone.append(work())
        os.kill(busy_loop, signal.SIGCONT)
        beside.append(work())
        os.kill(busy_loop, signal.SIGSTOP)
    assert least(beside) == pytest.approx(least(alone), rel=SURELY)
    assert least(beside)["flops"] == least(alone)["flops"] > 0 and least(beside)["tokens"] == 50 * 32
    worst = max(beside, key=lambda phase: phase.others_core_seconds)
    made = cost_of([[worst]], {}, "fr")["make"]
    assert not made["clock_holds"] and made["others_cores"] > 0.2, "the clock can't be trusted, and that is said"


def test_children_count_while_they_run_and_when_they_have_ended() -> None:
    before = processor_seconds()
    with subprocess.Popen(
        [sys.executable, "-c", COMPUTE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == "done\n"
        running = processor_seconds() - before
        child.communicate("\n")
    assert 0.29 <= running <= processor_seconds() - before


WRITE = (
    "import sys, os\nwith open(sys.argv[1], 'wb') as f: f.write(bytes(3_000_000))\nprint('done', flush=True)\ninput()"
)


def test_what_goes_to_disks_is_counted_that_of_children_too(tmp_path: Path) -> None:
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(tmp_path)], stdout=subprocess.PIPE, text=True, check=True)
    if written_bytes() is None or kind.stdout.strip() in ("tmpfs", "ramfs"):
        pytest.skip("this system doesn't tell, or temporary files stay in memory")
    phase = Phase("training")
    with measured(phase):
        (tmp_path / "own").write_bytes(bytes(2_000_000))
    assert phase.written_bytes is not None and 2_000_000 <= phase.written_bytes < 2_500_000
    watch = Stopwatch()
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, str(tmp_path / "theirs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == "done\n"
        running = watch.took().written_bytes
        child.communicate("\n")
    ended = watch.took().written_bytes
    assert running is not None and ended is not None
    assert 3_000_000 <= running <= ended < 3_500_000, "once, while it runs and when it has ended"


def test_where_the_system_does_not_tell_what_is_written_it_is_left_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("passerelle.costs.clocks._PROC", tmp_path)
    phase = Phase("training", written_bytes=7.0)
    with measured(phase):
        pass
    assert phase.written_bytes is None and phase.processor_seconds is not None
    made = cost_of([[phase, Phase("data", written_bytes=5.0)]], {}, "fr")["make"]
    assert made["written_bytes"] is None and made["processor_seconds"] is not None


def test_the_clock_holds_where_others_leave_the_machine_alone() -> None:
    assert clock_holds(10.0, 0.0) and not clock_holds(10.0, 10.0 * (os.cpu_count() or 1))


def test_what_is_taken_adds_up() -> None:
    took = Took(1.0, 2.0, 3.0, 4.0, 5.0)
    assert took + took == took * 2 and took - took == Took()
    untold = Took(1.0, written_bytes=None)
    assert (took + untold).written_bytes is (untold * 2).written_bytes is None and (took + untold).seconds == 2.0
    kept = {"seconds": 1, "processor_seconds": 2, "device_seconds": 3, "others_core_seconds": 4}
    assert Took.read(kept) == Took(1.0, 2.0, 3.0, 4.0, None), "an older version didn't measure it"
    assert Took.read({**kept, "written_bytes": 5, "pictures": 7}) == took


def test_making_asking_and_measuring_are_three_sums() -> None:
    made = Phase("training", seconds=10, processor_seconds=20, flops=100, spared_seconds=4, spared_processor_seconds=8)
    made.written_bytes = 4096.0
    shared = Phase("data", seconds=6, processor_seconds=6, shared_by=3, written_bytes=8192.0)
    asked = Phase("answers, a (fr)", seconds=1, processor_seconds=2, kind="answers", language="fr", written_bytes=512.0)
    english = Phase("answers, a (en)", seconds=5, processor_seconds=8, kind="answers", language="en")
    cost = cost_of([[made, shared, asked, english]], {"fr": 100, "en": 50}, "fr")
    assert cost["make"]["processor_seconds"] == 26 and cost["make"]["paid"]["processor_seconds"] == 12 + 2
    assert cost["per_1000"]["processor_seconds"] == 20, "what English takes to measure is no price of French answers"
    assert cost["per_1000_by_language"]["en"]["processor_seconds"] == pytest.approx(160)
    assert cost["measuring"]["processor_seconds"] == 10
    assert (cost["make"]["written_bytes"], cost["per_1000"]["written_bytes"]) == (12288.0, 5120.0)
    assert not [key for key in cost if key.startswith("total")]


def test_what_an_older_version_did_not_measure_is_left_open() -> None:
    old = Phase.read({"phase": "training", "seconds": 3.0, "flops": 5.0, "unheard_of": 1})
    made = cost_of([[old]], {}, "fr")["make"]
    assert made["processor_seconds"] is made["euros"] is made["paid"]["euros"] is made["written_bytes"] is None
    assert made["seconds"] == 3.0 and made["flops"] == 5.0
