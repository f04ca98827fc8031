"""The command in processes of their own that needn't import everything again: forked from one that has."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from ports import free_port

_SERVER = get_context("forkserver")
_SERVER.set_forkserver_preload(["warmed"])


@dataclass(frozen=True)
class Forked:
    """A running command; what it says goes to files.

    Attributes:
        process: The process, the leader of a group of its own.
        out: Its standard output.
        err: Its standard error.
    """

    process: BaseProcess
    out: Path
    err: Path

    def wait(self, timeout: float) -> int:
        """Wait for its end and return its exit code; negative: the signal that ended it."""
        self.process.join(timeout)
        assert self.process.exitcode is not None, f"still running after {timeout} s: {self.err.read_text()}"
        return self.process.exitcode

    def wait_for(self, line: str, timeout: float) -> None:
        """Wait until it says a line that begins like this."""
        end = time.monotonic() + timeout
        while not any(said.startswith(line) for said in self.err.read_text(encoding="utf-8").splitlines()):
            assert self.process.is_alive() and time.monotonic() < end, f"{line!r} never came: {self.err.read_text()}"
            time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and to those that it started."""
        assert self.process.pid is not None
        os.killpg(self.process.pid, number)


What = Callable[[list[str]], None]


def command(arguments: list[str]) -> None:
    """Run ``passerelle``."""
    from passerelle.cli import main

    main(arguments, prog_name="passerelle")


def command_in_fp32(arguments: list[str]) -> None:
    """Run it with models in the type that a server keeps weights in, whatever is quicker here."""
    import torch

    from passerelle.models import pretrained

    pretrained.best_dtype = lambda device: torch.float32  # type: ignore[assignment]
    command(arguments)


def fork(
    arguments: Sequence[str], place: Path, environment: Mapping[str, str], name: str, what: What = command
) -> Forked:
    """Start the command in a folder, with variables beside those of the tests.

    Args:
        arguments: What is typed behind its name.
        place: The folder.
        environment: The variables.
        name: Of the files of what it says.
        what: Another function than the command, of a module's.
    """
    out, err = place / f"{name}.out", place / f"{name}.err"
    err.touch()
    variables = {**os.environ, **environment}
    _start_server()
    process = _SERVER.Process(target=_run, args=(what, list(arguments), place, variables, out, err))
    process.start()
    return Forked(process, out, err)


def _start_server() -> None:
    """Start what processes are forked from, if it doesn't run; it looks where Python does for what it loads."""
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        forkserver.ensure_running()


def fork_ranks(
    arguments: Sequence[str], place: Path, name: str, what: What = command, count: int = 2, timeout: float = 250
) -> list[Forked]:
    """Run the command in processes that compute together, as torchrun starts them; when one fails, the others end."""
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}
    shared |= dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE"), str(count))
    ranks = [
        fork(arguments, place, shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, f"{name}-{rank}", what)
        for rank in range(count)
    ]
    end = time.monotonic() + timeout
    while any(rank.process.is_alive() for rank in ranks):
        if any(rank.process.exitcode for rank in ranks) or time.monotonic() > end:
            for rank in ranks:
                rank.process.kill()
                rank.process.join()
        time.sleep(0.02)
    return ranks


def _run(what: What, arguments: list[str], place: Path, environment: Mapping[str, str], out: Path, err: Path) -> None:
    assert "warmed" in sys.modules, "a forked process finds loaded what takes long to load"
    os.setsid()
    os.chdir(place)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for path, descriptor, name in ((out, 1, "stdout"), (err, 2, "stderr")):
        with path.open("wb") as file:
            os.dup2(file.fileno(), descriptor)
        setattr(sys, name, io.TextIOWrapper(os.fdopen(descriptor, "wb", closefd=False), line_buffering=True))
    what(arguments)
