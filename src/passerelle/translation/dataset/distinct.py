"""Which texts came before: kept on the disk, so that there may be any number of them."""

from __future__ import annotations

import sqlite3
import struct
import tempfile
from collections.abc import Iterable, Sequence

from passerelle.errors import StorageError

_AT_ONCE = 500
_CACHE_KIB = 16 * 1024
# Texts that come again soon needn't be looked for on the disk.
_MOST_RECENT = 50_000
# New ones go to the disk together, in the order of their digests: one page of the table holds many of them.
_MOST_UNWRITTEN = 250_000


class DistinctTexts:
    """Tells new texts from those that came before, by a digest of 64 bits."""

    def __init__(self) -> None:
        self._recent: set[int] = set()
        self._unwritten: set[int] = set()
        self._written = False
        # Without a name SQLite keeps the table in a temporary file, which goes when it is closed.
        self._connection = sqlite3.connect("", isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.execute("CREATE TABLE seen (digest INTEGER PRIMARY KEY)")

    def take_new(self, digests: Iterable[bytes]) -> list[bytes]:
        """Return the digests, of eight bytes, that never came before, each once; from now on they did."""
        numbers = {int.from_bytes(digest, "big", signed=True): digest for digest in digests}
        return [numbers[number] for number in self._take(list(numbers))]

    def count_new(self, digests: bytes) -> int:
        """Return how many digests never came before, of some that follow each other, eight bytes each."""
        numbers = struct.unpack(f">{len(digests) // 8}q", digests)
        return len(self._take(list(dict.fromkeys(numbers))))

    def _take(self, numbers: list[int]) -> list[int]:
        """Return those of some different digests that never came before, in their order."""
        asked = [number for number in numbers if number not in self._recent and number not in self._unwritten]
        known = set[int]()
        for start in range(0, len(asked) if self._written else 0, _AT_ONCE):
            known.update(self._known(asked[start : start + _AT_ONCE]))
        new = [number for number in asked if number not in known] if known else asked
        self._unwritten.update(new)
        if len(self._unwritten) > _MOST_UNWRITTEN:
            try:
                self._write()
            except sqlite3.Error as error:
                raise StorageError(
                    f"no room in the folder of temporary files, {tempfile.gettempdir()!r}: {error}. Free some space "
                    "there, or set TMPDIR to another folder, and run the same command again."
                ) from error
        if len(self._recent) > _MOST_RECENT:
            self._recent.clear()
        self._recent.update(asked)
        return new

    def _write(self) -> None:
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO seen VALUES (?)", ((number,) for number in sorted(self._unwritten)))
        self._connection.execute("COMMIT")
        self._unwritten.clear()
        self._written = True

    def _known(self, digests: Sequence[int]) -> list[int]:
        marks = ",".join("?" * len(digests))
        found = self._connection.execute(f"SELECT digest FROM seen WHERE digest IN ({marks})", digests)
        return [digest for (digest,) in found]

    def close(self) -> None:
        """Let go of the temporary file."""
        self._connection.close()
