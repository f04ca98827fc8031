"""Apertium's programs as one running pipeline that answers segment by segment."""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from passerelle.translation.engines import apertium_tagger
from passerelle.translation.engines.apertium_stream import decode_segment, encode_segment

_CHUNK_BYTES = 1 << 16
_KEPT_MESSAGE_BYTES = 2000
# The programs pass on each segment as soon as it is done. While many are to come they are read some at a time: to be
# woken for each costs more than to read it.
_MANY_SEGMENTS, _NAP_SECONDS = 64, 0.02


class PipelineDied(Exception):
    """The pipeline ended, hangs, or answers something else than it was asked; it can't be used any more."""


def stage_commands(mode_file: Path, mark_unknown: bool) -> list[list[str]]:
    """The command lines of one mode, set to flush at each null.

    Args:
        mode_file: Apertium's mode file.
        mark_unknown: Put ``*`` before unknown words (``-g``) instead of leaving them bare (``-n``).

    Returns:
        One command for each program of the pipe, in order.

    Raises:
        OSError: `apertium-wblank-mode` can't be started.
        subprocess.CalledProcessError: It refused the file.
    """
    script = subprocess.run(
        ["apertium-wblank-mode", "-z", str(mode_file)],
        check=True,
        capture_output=True,
        text=True,
        env=_environment(),
    ).stdout
    lexer = shlex.shlex(script, posix=True, punctuation_chars="|")
    lexer.whitespace_split, lexer.commenters = True, ""
    commands: list[list[str]] = [[]]
    for word in lexer:
        if word == "|":
            commands.append([])
        elif word == "$1":
            commands[-1].append("-g" if mark_unknown else "-n")
        elif word != "$2":  # the tagger's options for ambiguity marks
            commands[-1].append(word)
    return [_independent(command) for command in commands]


def _independent(command: list[str]) -> list[str]:
    """Wrap the tagger that lets texts change each other's result (see `apertium_tagger`)."""
    if Path(command[0]).name == "apertium-tagger" and "-g" in command:
        return [sys.executable, "-I", "-S", apertium_tagger.__file__, *command]
    return command


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8"}


class Pipeline:
    """Programs joined by pipes, kept running; a text goes in with a number and must come back with it."""

    def __init__(self, commands: Sequence[Sequence[str]], timeout_seconds: float) -> None:
        """Start the programs.

        Args:
            commands: One command line for each program.
            timeout_seconds: How long no answer may come before the pipeline counts as hanging.

        Raises:
            OSError: A program can't be started.
        """
        self._timeout_seconds = timeout_seconds
        self._processes: list[subprocess.Popen[bytes]] = []
        self._names = [Path(command[0]).name for command in commands]
        self._owner = os.getpid()
        self._number = 0
        self._unread = b""
        self._messages = b""
        self._errors, errors_in = os.pipe()
        self._stdin, self._stdout = -1, -1
        try:
            self._start(commands, errors_in)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(errors_in)
        for descriptor in (self._stdin, self._stdout, self._errors):
            os.set_blocking(descriptor, False)

    def _start(self, commands: Sequence[Sequence[str]], errors_in: int) -> None:
        upstream, self._stdin = os.pipe()
        for command in commands:
            downstream, output = os.pipe()
            try:
                process = subprocess.Popen(
                    command,
                    stdin=upstream,
                    stdout=output,
                    stderr=errors_in,
                    env=_environment(),
                    start_new_session=True,
                )
            except BaseException:
                os.close(downstream)
                raise
            finally:
                os.close(upstream)
                os.close(output)
            self._processes.append(process)
            upstream = downstream
        self._stdout = upstream

    @property
    def usable(self) -> bool:
        """Whether it can be asked: it isn't closed, and this process began it, not its parent."""
        return bool(self._processes) and self._owner == os.getpid()

    @property
    def process_ids(self) -> list[int]:
        """Ids of the programs, in the order of the pipe."""
        return [process.pid for process in self._processes]

    def exchange(self, parts: Sequence[str]) -> list[str]:
        """Translate parts of texts.

        Args:
            parts: Texts without line breaks (see `apertium_stream.split_lines`).

        Returns:
            One translation for each, in order.

        Raises:
            PipelineDied: No full answer came; the pipeline is closed.
        """
        numbers = range(self._number, self._number + len(parts))
        self._number += len(parts)
        try:
            replies = self._send(b"".join(map(encode_segment, parts, numbers)), len(parts))
            translations = []
            for number, reply in zip(numbers, replies, strict=True):
                translation = decode_segment(reply, number)
                if translation is None:
                    raise PipelineDied(f"Apertium answered {reply[-80:]!r} for segment {number}")
                translations.append(translation)
            return translations
        except BaseException:
            self.close()
            raise

    def _send(self, data: bytes, expected: int) -> list[bytes]:
        """Write and read at once, so that no pipe can fill up and block the other."""
        unsent, replies = memoryview(data), list[bytes]()
        deadline = time.monotonic() + self._timeout_seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdin, selectors.EVENT_WRITE)
            selector.register(self._stdout, selectors.EVENT_READ)
            selector.register(self._errors, selectors.EVENT_READ)
            while len(replies) < expected:
                ready = {key.fd for key, _ in selector.select(max(0.0, deadline - time.monotonic()))}
                if self._errors in ready and not self._read_messages():
                    selector.unregister(self._errors)
                if self._stdin in ready:
                    unsent = self._write(unsent)
                    if not unsent:
                        selector.unregister(self._stdin)
                if self._stdout in ready:
                    replies += self._read_replies()
                    deadline = time.monotonic() + self._timeout_seconds
                    if expected - len(replies) >= _MANY_SEGMENTS:
                        time.sleep(_NAP_SECONDS)
                elif time.monotonic() >= deadline:
                    raise PipelineDied(f"no answer for {self._timeout_seconds:g} seconds{self._said()}")
        if len(replies) > expected:
            raise PipelineDied(f"{len(replies)} answers for {expected} segments")
        return replies

    def _write(self, unsent: memoryview) -> memoryview:
        """Write what fits and give the rest; nothing if the reader is gone, as the output then ends."""
        try:
            return unsent[os.write(self._stdin, unsent[:_CHUNK_BYTES]) :]
        except BlockingIOError:
            return unsent
        except BrokenPipeError:
            return unsent[:0]

    def _read_replies(self) -> list[bytes]:
        chunk = os.read(self._stdout, _CHUNK_BYTES)
        if not chunk:
            self._read_messages()
            raise PipelineDied(f"it ended{self._statuses()}{self._said()}")
        *replies, self._unread = (self._unread + chunk).split(b"\0")
        return replies

    def _read_messages(self) -> bool:
        """Keep the last of what the programs say on standard error; ``False`` when they all are gone."""
        try:
            chunk = os.read(self._errors, _CHUNK_BYTES)
        except BlockingIOError:
            return True
        self._messages = (self._messages + chunk)[-_KEPT_MESSAGE_BYTES:]
        return bool(chunk)

    def _said(self) -> str:
        text = self._messages.decode("utf-8", "replace").strip()
        return f"; it said: {text}" if text else ""

    def _statuses(self) -> str:
        """Programs that failed by themselves, with their exit status (negative: the signal)."""
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        failed = [
            f"{name} {process.returncode}"
            for name, process in zip(self._names, self._processes, strict=True)
            if process.returncode not in (None, 0, -signal.SIGPIPE)  # SIGPIPE: because a later one ended
        ]
        return f" (exit status: {', '.join(failed)})" if failed else ""

    def close(self) -> None:
        """End all programs; can be called again. A forked child only lets go of them."""
        processes = self._processes if self._owner == os.getpid() else []
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
        for descriptor in (self._stdin, self._stdout, self._errors):
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._processes, self._stdin, self._stdout, self._errors = [], -1, -1, -1
