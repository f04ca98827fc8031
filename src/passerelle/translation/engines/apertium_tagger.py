"""Runs Apertium's statistical tagger so that no text changes how the next ones are tagged.

`apertium-tagger -g` (3.8.3, hidden Markov model) overwrites its own class of open tags whenever it meets a
set of readings that its training never saw (`find_similar_ambiguity_class` assigns through a reference), so
about one caption in a hundred came out differently according to what was translated before it. With ``-d``
the tagger says on standard error that it met such a set; this script then begins a new one for the next text. Texts
that lie ready are tagged some at a time, since waiting for each costs more than tagging it; where the tagger
complained among them, they are tagged again, one by one.

It is started as a program of the pipeline, by its path, and imports only the standard library to start fast::

    python -I -S apertium_tagger.py apertium-tagger -z -g cat-fra.prob
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import IO

_CHUNK_BYTES = 1 << 16
_PIPE_BYTES = 1 << 15  # what surely fits into an empty pipe
_AT_ONCE = 16  # a hundred texts have about one at which the tagger complains


class _Tagger:
    """One tagger process."""

    def __init__(self, command: list[str]) -> None:
        self._complaints: IO[bytes] = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, bufsize=0
        )

    def tag(self, segments: Sequence[bytes]) -> bytes:
        """Tag some segments; they and the replies include their closing nulls.

        Raises:
            EOFError: The tagger ended.
        """
        data = b"".join(segments)
        if len(data) <= _PIPE_BYTES:
            self._write(data)
            return self._read(len(segments))
        writer = threading.Thread(target=self._write, args=(data,), daemon=True)
        writer.start()
        return self._read(len(segments))

    def _write(self, segment: bytes) -> None:
        assert self._process.stdin is not None
        rest = memoryview(segment)
        try:
            while rest:
                rest = rest[os.write(self._process.stdin.fileno(), rest) :]
        except BrokenPipeError:
            return  # the reader meets the end of the output and says so

    def _read(self, expected: int) -> bytes:
        assert self._process.stdout is not None
        reply, ended = b"", 0
        while ended < expected:
            chunk = os.read(self._process.stdout.fileno(), _CHUNK_BYTES)
            if not chunk:
                raise EOFError
            reply += chunk
            ended += chunk.count(b"\0")
        return reply

    @property
    def changed(self) -> bool:
        """Whether it complained, and so may have changed its own tables."""
        return os.fstat(self._complaints.fileno()).st_size > 0

    def close(self) -> int:
        """End the process and give its exit status."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout, self._complaints):
            if stream is not None:
                stream.close()
        return self._process.wait()


class _Taggers:
    """One tagger after the other, each as long as it doesn't complain."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._current: _Tagger | None = None

    def tag(self, segments: Sequence[bytes]) -> Iterator[bytes]:
        """Tag some segments, each as a new tagger would.

        Raises:
            EOFError: The tagger ended.
        """
        replies = self._ask(segments)
        if replies is not None:
            yield replies
            return
        for segment in segments:
            alone = self._ask([segment])
            assert alone is not None, "the first text of a tagger is tagged by its own tables"
            yield alone

    def _ask(self, segments: Sequence[bytes]) -> bytes | None:
        """Tag with the tagger that runs; ``None`` where one of several texts may have changed how others are tagged."""
        self._current = self._current or _Tagger(debugging(self._command))
        replies = self._current.tag(segments)
        if not self._current.changed:
            return replies
        self.close()
        return replies if len(segments) == 1 else None

    def close(self) -> int:
        """End the tagger and give its exit status."""
        status = 0 if self._current is None else self._current.close()
        self._current = None
        return status


def debugging(command: list[str]) -> list[str]:
    """The tagger's command with ``-d``, so that it says when it changes itself."""
    return [command[0], "-d", *command[1:]]


def serve(command: list[str], source: int, sink: int) -> int:
    """Tag null-terminated segments from one file descriptor to another until the input ends.

    Args:
        command: The tagger's command line.
        source: File descriptor to read from.
        sink: File descriptor to write to.

    Returns:
        Exit status: 0, or 1 if the tagger ended by itself.
    """
    pool = _Taggers(command)
    pending = b""
    try:
        while chunk := os.read(source, _CHUNK_BYTES):
            *segments, pending = (pending + chunk).split(b"\0")
            for start in range(0, len(segments), _AT_ONCE):
                batch = [segment + b"\0" for segment in segments[start : start + _AT_ONCE]]
                for replies in pool.tag(batch):
                    reply = memoryview(replies)
                    while reply:
                        reply = reply[os.write(sink, reply) :]
    except EOFError:
        print(f"{command[0]} ended with status {pool.close()}", file=sys.stderr)
        return 1
    pool.close()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(serve(sys.argv[1:], 0, 1))
    except BrokenPipeError:  # the next program is gone: end as quietly as the others do
        sys.exit(141)
