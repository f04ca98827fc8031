"""Which texts came before: kept on the disk, so that there may be any number of them."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Sequence

from passerelle.errors import StorageError

_AT_ONCE = 500
_CACHE_KIB = 16 * 1024
# Texts that come again soon needn't be looked for on the disk.
_MOST_RECENT = 50_000
# New ones go to the disk together, in the order of their digests: one page of the table holds many of them.
_MOST_UNWRITTEN = 100_000


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
        for number in {*self._recent.intersection(numbers), *self._unwritten.intersection(numbers)}:
            del numbers[number]
        asked = list(numbers)
        for start in range(0, len(asked) if self._written else 0, _AT_ONCE):
            for known in self._known(asked[start : start + _AT_ONCE]):
                del numbers[known]
        self._unwritten.update(numbers)
        if len(self._unwritten) > _MOST_UNWRITTEN:
            try:
                self._write()
            except sqlite3.Error as error:
                raise StorageError(
                    f"no room in the folder of temporary files, {tempfile.gettempdir()!r}: {error}. Free some space "
                    "there, or set TMPDIR to another folder, and run the same command again."
                ) from error
        self._recent = set(asked) if len(self._recent) > _MOST_RECENT else self._recent.union(asked)
        return list(numbers.values())

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
