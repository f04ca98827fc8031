"""Runs Apertium's statistical tagger so that no text changes how the next ones are tagged.

`apertium-tagger -g` (3.8.3, hidden Markov model) overwrites its own class of open tags whenever it meets a
set of readings that its training never saw (`find_similar_ambiguity_class` assigns through a reference), so
about one caption in a hundred came out differently according to what was translated before it. With ``-d``
the tagger says on standard error that it met such a set, and of which word. What it does then follows from its own
tables: it takes a set that its training saw and that holds the new one, if there is one smaller than the open tags. If
there is none nothing changes, as of most that are met (`Tables`). Otherwise this script begins a new tagger for the
next text. Texts that lie ready are tagged some at a time, since waiting for each costs more than tagging it. Where the
tagger changed among them, those up to the first with the word that it names are as a new one would have them; where
it names none that is found, they are tagged again, one by one. A word that was named once ends what is tagged at once,
unless its readings have passed without a change.

It is started as a program of the pipeline, by its path, and imports only the standard library to start fast::

    python -I -S apertium_tagger.py apertium-tagger -z -g cat-fra.prob
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import IO, NamedTuple

_CHUNK_BYTES = 1 << 16
_PIPE_BYTES = 1 << 15  # what surely fits into an empty pipe
# Where so many segments come one right after the other, some are awaited, as long as some come: to be woken for each
# costs more than to tag it. Whoever asks for one text after the other waits no longer.
_CLOSE, _CLOSE_SECONDS, _NAP_SECONDS, _SOME = 16, 0.005, 0.02, 3
_AT_ONCE = 16  # a hundred texts have one or two at which the tagger changes
# What it says of a set of readings that its training never saw; and what it says while nothing changes.
_NEW_SET = re.compile(
    rb"^Error: A new ambiguity class was found\. \nRetraining the tagger is necessary so as to take it into account\.\n"
    rb"Word '[^\n]*'\.\nNew ambiguity class: \{([^}\n]*)\}\n",
    re.MULTILINE,
)
_HARMLESS = re.compile(
    rb"^(?:Warning: There is not coarse tag |         This is because |Problem with word ).*\n", re.MULTILINE
)
_NAMED = re.compile(rb"^Word '([^'\\^$/]+)'\.\r?$", re.MULTILINE)  # letters that the stream escapes left out
_UNITS = re.compile(rb"\^([^$\\^/]+)/[^$\\^]*\$")  # a word and its readings


class Tables(NamedTuple):
    """What the file of a hidden Markov model says of sets of tags.

    Attributes:
        names: Names of tags; each set holds places in this list.
        open: The open tags: an unknown word has one of them.
        seen: All sets that words of the training had.
    """

    names: tuple[str, ...]
    open: frozenset[int]
    seen: tuple[frozenset[int], ...]

    @classmethod
    def read(cls, data: bytes) -> Tables | None:
        """Read what a model's file begins with (`TaggerDataHMM::read` and `Collection::read` of Apertium).

        Returns:
            The tables, or ``None`` where the data aren't a model's, or one's that Apertium would add sets to.
        """
        numbers = _Numbers(data)
        try:
            open_tags = frozenset(accumulate(numbers.several()))  # each less the one before it
            for _ in range(2 * numbers.one()):  # pairs that are forbidden
                numbers.one()
            names = tuple(numbers.text() for _ in range(numbers.one()))
            index = {numbers.text(): numbers.one() for _ in range(numbers.one())}
            for _ in range(numbers.one()):  # what must follow a tag
                numbers.one()
                numbers.several()
            for _ in range(numbers.one()):  # readings that are preferred
                numbers.text()
            for _ in range(numbers.one()):  # constants
                numbers.text()
                numbers.one()
            seen = tuple(frozenset(numbers.several()) for _ in range(numbers.one()))
            sizes = numbers.one(), numbers.one()
        except (IndexError, ValueError):
            return None
        whole = sizes == (len(index), len(seen)) and len(names) == len(set(names)) and len(index) <= len(names)
        return cls(names, open_tags, seen) if whole and open_tags in seen else None

    def stay(self, new: bytes) -> bool:
        """Whether the open tags stay as they are at a set that the training never saw (`find_similar_ambiguity_class`).

        Args:
            new: Its tags, as the tagger names them, with commas between them.
        """
        try:
            tags = frozenset(map(self.names.index, new.decode().split(",")))
        except ValueError:
            return False
        known = tags in self.seen  # then it complains for another reason
        return not known and not any(tags <= each and len(each) < len(self.open) for each in self.seen)


class _Numbers:
    """The numbers of a model's file: one to four bytes each, of which the first two bits say how many follow."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def one(self) -> int:
        """Read a number.

        Raises:
            IndexError: The data end.
        """
        first = self._data[self._place]
        self._place += 1
        number = first & 0x3F
        for _ in range(first >> 6):
            number = number << 8 | self._data[self._place]
            self._place += 1
        return number

    def several(self) -> list[int]:
        """Read numbers, with their count before them."""
        return [self.one() for _ in range(self.one())]

    def text(self) -> str:
        """Read a text: its letters' numbers."""
        return "".join(map(chr, self.several()))


class _Tagger:
    """One tagger process."""

    def __init__(self, command: list[str]) -> None:
        self._complaints: IO[bytes] = tempfile.TemporaryFile()
        fcntl.fcntl(self._complaints, fcntl.F_SETFL, fcntl.fcntl(self._complaints, fcntl.F_GETFL) | os.O_APPEND)
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

    def complaints(self) -> bytes:
        """Return what it has said since it was asked last; it must have answered all texts."""
        descriptor = self._complaints.fileno()  # its offset is the tagger's: so it is read without one
        said = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        if said:
            os.ftruncate(descriptor, 0)  # the tagger appends
        return said

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
        self._tables: Tables | None = None
        self._read = False
        self._harmless: dict[bytes, set[bytes]] = {}  # readings of words that were named, each with its word

    def tag(self, segments: Sequence[bytes]) -> Iterator[bytes]:
        """Tag some segments, each as a new tagger would.

        Raises:
            EOFError: The tagger ended.
        """
        done, alone = 0, 0
        while done < len(segments):
            batch = segments[done : done + 1] if done < alone else self._batch(segments[done : done + _AT_ONCE])
            replies, sure = self._ask(batch)
            if not sure:
                alone = done + len(batch)
                continue
            yield replies
            done += sure

    def _batch(self, segments: Sequence[bytes]) -> Sequence[bytes]:
        """Return segments up to the first at which the tagger may complain."""
        return segments[: _first(segments, self._harmless) or len(segments)]

    def _ask(self, segments: Sequence[bytes]) -> tuple[bytes, int]:
        """Tag with the tagger that runs.

        Returns:
            Replies, and to how many segments: to all; or, where it changed, to those that come up to that. None
            where that can't be told.
        """
        self._current = self._current or _Tagger(debugging(self._command))
        replies, complaints = self._current.tag(segments), self._changing(self._current.complaints())
        if not complaints:
            for word, unit in (found for segment in segments for found in _suspects(segment, self._harmless)):
                self._harmless[word].add(unit)
            return replies, len(segments)
        self.close()
        named = {word: self._harmless.setdefault(word, set()) for word in _NAMED.findall(complaints)[:1]}
        if len(segments) == 1:  # the first text of a tagger is tagged by its own tables
            return replies, 1
        sure = _first(segments, named)
        return b"".join(reply + b"\0" for reply in replies.split(b"\0")[:sure]), sure

    def _changing(self, complaints: bytes) -> bytes:
        """Return those complaints after which the tagger may do otherwise than a new one."""
        if not complaints:
            return b""
        if not self._read:
            self._read, self._tables = True, _tables(self._command[-1])
        tables = self._tables
        left = _NEW_SET.sub(lambda found: b"" if tables and tables.stay(found[1]) else found[0], complaints)
        return _HARMLESS.sub(b"", left)

    def close(self) -> int:
        """End the tagger and give its exit status."""
        status = 0 if self._current is None else self._current.close()
        self._current = None
        return status


def _tables(path: str) -> Tables | None:
    """Read the tables of a model's file; ``None`` where they can't be read."""
    try:
        with open(path, "rb") as model:
            return Tables.read(model.read())
    except OSError:
        return None


def _first(segments: Sequence[bytes], harmless: dict[bytes, set[bytes]]) -> int:
    """Return the number, from 1, of the first segment with a suspect; 0 if there is none."""
    if not harmless:
        return 0
    return next((number for number, segment in enumerate(segments, 1) if any(_suspects(segment, harmless))), 0)


def _suspects(segment: bytes, harmless: dict[bytes, set[bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Return words that are listed, with their readings, unless these are among those that do no harm."""
    for unit in _UNITS.finditer(segment):
        if unit[1] in harmless and unit[0] not in harmless[unit[1]]:
            yield unit[1], unit[0]


def debugging(command: list[str]) -> list[str]:
    """The tagger's command with ``-d``, so that it says when it changes itself."""
    return [command[0], "-d", *command[1:]]


def _chunks(source: int) -> Iterator[bytes]:
    """Yield what comes from a file descriptor until it ends."""
    close = 0
    while True:
        napped = close >= _CLOSE
        if napped:
            time.sleep(_NAP_SECONDS)
        asked = time.monotonic()
        chunk = os.read(source, _CHUNK_BYTES)
        if not chunk:
            return
        segments = chunk.count(b"\0")
        goes_on = segments >= _SOME if napped else time.monotonic() - asked < _CLOSE_SECONDS
        close = close + segments if goes_on else 0
        yield chunk


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
        for chunk in _chunks(source):
            *segments, pending = (pending + chunk).split(b"\0")
            for replies in pool.tag([segment + b"\0" for segment in segments]):
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
