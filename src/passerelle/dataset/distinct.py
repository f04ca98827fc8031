"""Which texts came before: kept on the disk, so that there may be any number of them."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence

_AT_ONCE = 500
_CACHE_KIB = 8 * 1024


class DistinctTexts:
    """Tells new texts from those that came before, by a digest of 64 bits."""

    def __init__(self) -> None:
        # Without a name SQLite keeps the table in a temporary file, which goes when it is closed.
        self._connection = sqlite3.connect("", isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.execute("CREATE TABLE seen (digest INTEGER PRIMARY KEY)")

    def take_new(self, texts: Sequence[str]) -> list[str]:
        """Return the texts that never came before, each once; from now on they did."""
        new = {_digest(text): text for text in texts}
        digests = list(new)
        for start in range(0, len(digests), _AT_ONCE):
            for known in self._known(digests[start : start + _AT_ONCE]):
                del new[known]
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO seen VALUES (?)", [(digest,) for digest in new])
        self._connection.execute("COMMIT")
        return list(new.values())

    def _known(self, digests: Sequence[int]) -> list[int]:
        marks = ",".join("?" * len(digests))
        found = self._connection.execute(f"SELECT digest FROM seen WHERE digest IN ({marks})", digests)
        return [digest for (digest,) in found]

    def close(self) -> None:
        """Let go of the temporary file."""
        self._connection.close()


def _digest(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
