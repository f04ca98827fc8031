"""Servers in processes of their own: a port that is free, and waiting until somebody listens there."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    """Return a port of this machine that nobody listens to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def started(
    command: Sequence[str], port: int, log: Path, environment: Mapping[str, str], patience: float
) -> Iterator[str]:
    """Run a server until the block ends; yield its URL when it listens.

    Args:
        command: Starts it.
        port: Where it will listen.
        log: The file that it writes to.
        environment: Its variables.
        patience: Seconds to wait for it.
    """
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment, start_new_session=True)
        try:
            until = time.monotonic() + patience
            while not _listens(port):
                assert process.poll() is None and time.monotonic() < until, log.read_text("utf-8")[-3000:]
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()  # an engine may be a process of its own, which the server takes down
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
