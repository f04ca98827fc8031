"""A program in an environment of its own that is asked and answers by JSON lines."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Sequence
from typing import IO, Any

from passerelle.errors import RunError

TO_BEGIN_SECONDS = 1800.0
"""A model may have to be downloaded first."""
TO_ANSWER_SECONDS = 1800.0
_END_SECONDS = 2.0
_SAID_CHARACTERS = 300


class Worker:
    """Runs a program; each request is a line of JSON, and so is each answer, in order."""

    def __init__(self, command: Sequence[str], name: str) -> None:
        """Start the program.

        Args:
            command: What to run.
            name: What it is called in errors.

        Raises:
            RunError: It can't be started.
        """
        self._name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the program
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, encoding="utf-8"
            )
        except OSError as error:
            raise RunError(f"{name} can't be started ({' '.join(command)}): {error.strerror}") from error
        self._lines: queue.Queue[str | None] = queue.Queue()
        reader = threading.Thread(target=_read, args=(self._process, self._lines), daemon=True)
        reader.start()
        self._end = weakref.finalize(self, _end, self._process, reader, self._errors)

    def ask(self, request: Any) -> dict[str, Any]:
        """Send a request and return its answer.

        Raises:
            RunError: The program ended, took too long, or answered with an error.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise self._ended() from None
        return self.receive(TO_ANSWER_SECONDS)

    def receive(self, seconds: float) -> dict[str, Any]:
        """Return the next answer.

        Raises:
            RunError: The program ended, took longer than `seconds`, or answered with an error.
        """
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            self.close()
            raise RunError(f"{self._name} gave no answer in {seconds:g} s and was ended") from None
        if line is None:
            raise self._ended()
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise RunError(f"{self._name} answered {line.strip()[:_SAID_CHARACTERS]!r}, which is no JSON object")
        if "error" in answer:
            raise RunError(f"{self._name}: {str(answer['error'])[:_SAID_CHARACTERS]}")
        return answer

    def close(self) -> None:
        """End the program."""
        self._end()

    def _ended(self) -> RunError:
        code = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace").strip()
        self.close()
        return RunError(f"{self._name} ended with code {code}: {said[-_SAID_CHARACTERS:]}")


def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _end(process: subprocess.Popen[str], reader: threading.Thread, errors: IO[bytes]) -> None:
    """Close the program's input, which ends it; kill it if that doesn't help."""
    assert process.stdin is not None and process.stdout is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    reader.join()
    process.stdout.close()
    errors.close()
