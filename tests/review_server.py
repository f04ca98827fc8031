"""The review command and its server, for tests: a process that can be killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

ARMS = ("pipeline-arm", "finetuned-arm")


def passerelle(*arguments: str) -> Any:
    """Run the command in this process; return what it printed as JSON."""
    from click.testing import CliRunner

    from passerelle.cli import main

    result = CliRunner().invoke(main, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def free_port() -> int:
    """Return a port that nobody listens at."""
    with contextlib.closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Server:
    """`passerelle review serve` as a process."""

    def __init__(self, database: str) -> None:
        self.database, self.port = database, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            sys.executable,
            "-m",
            "passerelle",
            "review",
            "serve",
            "--db",
            self.database,
            "--port",
            str(self.port),
        ]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.url}/nothing", timeout=2)
            except urllib.error.HTTPError:
                return
            except OSError:
                assert self._process.poll() is None, self._process.stderr.read().decode()  # type: ignore[union-attr]
                time.sleep(0.1)
        raise AssertionError("the server doesn't answer")

    def kill(self) -> None:
        """End it as a power cut would, as far as a process can tell."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)
        self._process.stderr.close()  # type: ignore[union-attr]
        self._process = None

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self.kill()
