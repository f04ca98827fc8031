"""The command in processes of their own that needn't import everything again: forked from one that has."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

_SERVER = get_context("forkserver")
_SERVER.set_forkserver_preload(["passerelle.cli", "passerelle.comparison.run", "peft", "transformers.models.llava"])


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


def fork(arguments: Sequence[str], place: Path, environment: dict[str, str], name: str) -> Forked:
    """Start the command in a folder, with variables beside those of the tests."""
    out, err = place / f"{name}.out", place / f"{name}.err"
    err.touch()
    process = _SERVER.Process(target=_run, args=(list(arguments), place, environment, out, err))
    process.start()
    return Forked(process, out, err)


def _run(arguments: list[str], place: Path, environment: dict[str, str], out: Path, err: Path) -> None:
    from passerelle.cli import main

    os.setsid()
    os.chdir(place)
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for path, descriptor, name in ((out, 1, "stdout"), (err, 2, "stderr")):
        with path.open("wb") as file:
            os.dup2(file.fileno(), descriptor)
        setattr(sys, name, io.TextIOWrapper(os.fdopen(descriptor, "wb", closefd=False), line_buffering=True))
    main(arguments, prog_name="passerelle")
