"""Runs Apertium's statistical tagger so that no text changes how the next ones are tagged.

`apertium-tagger -g` (3.8.3, hidden Markov model) overwrites its own class of open tags whenever it meets a
set of readings that its training never saw (`find_similar_ambiguity_class` assigns through a reference), so
about one caption in a hundred came out differently according to what was translated before it. With ``-d``
the tagger says on standard error that it met such a set; this script then begins a new one for the next text.

It is started as a program of the pipeline, by its path, and imports only the standard library to start fast::

    python -I -S apertium_tagger.py apertium-tagger -z -g cat-fra.prob
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from typing import IO

_CHUNK_BYTES = 1 << 16
_PIPE_BYTES = 1 << 15  # what surely fits into an empty pipe


class _Tagger:
    """One tagger process."""

    def __init__(self, command: list[str]) -> None:
        self._complaints: IO[bytes] = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, bufsize=0
        )

    def tag(self, segment: bytes) -> bytes:
        """Tag one segment; both include their closing null.

        Raises:
            EOFError: The tagger ended.
        """
        if len(segment) <= _PIPE_BYTES:
            self._write(segment)
            return self._read()
        writer = threading.Thread(target=self._write, args=(segment,), daemon=True)
        writer.start()
        return self._read()

    def _write(self, segment: bytes) -> None:
        assert self._process.stdin is not None
        rest = memoryview(segment)
        try:
            while rest:
                rest = rest[os.write(self._process.stdin.fileno(), rest) :]
        except BrokenPipeError:
            return  # the reader meets the end of the output and says so

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        reply = b""
        while not reply.endswith(b"\0"):
            chunk = os.read(self._process.stdout.fileno(), _CHUNK_BYTES)
            if not chunk:
                raise EOFError
            reply += chunk
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
    tagger: _Tagger | None = None
    pending = b""
    while chunk := os.read(source, _CHUNK_BYTES):
        *segments, pending = (pending + chunk).split(b"\0")
        for segment in segments:
            tagger = tagger or _Tagger(debugging(command))
            try:
                reply = memoryview(tagger.tag(segment + b"\0"))
            except EOFError:
                print(f"{command[0]} ended with status {tagger.close()}", file=sys.stderr)
                return 1
            while reply:
                reply = reply[os.write(sink, reply) :]
            if tagger.changed:
                tagger.close()
                tagger = None
    if tagger is not None:
        tagger.close()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(serve(sys.argv[1:], 0, 1))
    except BrokenPipeError:  # the next program is gone: end as quietly as the others do
        sys.exit(141)
