"""Findings that were made before, in one SQLite file that runs share."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from passerelle.errors import StorageError
from passerelle.quality.base import Finding
from passerelle.runs import storage
from passerelle.translation.memory.schema import lock

_TABLE = """
CREATE TABLE IF NOT EXISTS findings (
    pair TEXT NOT NULL,
    signature TEXT NOT NULL,
    finding TEXT NOT NULL,
    PRIMARY KEY (pair, signature)
) WITHOUT ROWID
"""
_ASKED_AT_ONCE = 500


class AssessmentStore:
    """Keeps what a check found about a pair, by the pair's key and the check's signature.

    Several processes may use one file at once. It is a cache: losing it costs time only.
    """

    def __init__(self, path: Path, timeout_seconds: float = 60.0) -> None:
        """Open the file, or make it.

        Args:
            path: The SQLite file.
            timeout_seconds: How long to wait for another process that writes.

        Raises:
            StorageError: It is damaged, or can't be written.
        """
        self.path = path
        with self._guarded():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=timeout_seconds, isolation_level=None)
            with lock(path):  # journal_mode doesn't wait for other processes by itself
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute(_TABLE)
            self._connection.execute("PRAGMA synchronous = NORMAL")

    def find(self, keys: Sequence[str], signature: str) -> dict[str, Finding]:
        """Return what a check found about pairs before, by their keys."""
        found: dict[str, Finding] = {}
        with self._guarded():
            for start in range(0, len(keys), _ASKED_AT_ONCE):
                asked = keys[start : start + _ASKED_AT_ONCE]
                marks = ",".join("?" * len(asked))
                rows = self._connection.execute(
                    f"SELECT pair, finding FROM findings WHERE signature = ? AND pair IN ({marks})",
                    (signature, *asked),
                )
                found |= {key: _read(text) for key, text in rows}
        return found

    def keep(self, findings: Mapping[str, Finding], signature: str) -> None:
        """Keep what a check found, all or nothing."""
        with self._guarded(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT OR REPLACE INTO findings VALUES (?, ?, ?)",
                ((key, signature, _written(finding)) for key, finding in findings.items()),
            )

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> AssessmentStore:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            with storage(self.path):
                yield
        except sqlite3.Error as error:
            raise StorageError(
                f"the store of assessments {str(self.path)!r} can't be used: {error}. It holds nothing that can't be "
                "made again: move it away, then run the same command."
            ) from error


def _written(finding: Finding) -> str:
    values = {name: _number(value) for name, value in finding.values.items()}
    return json.dumps([_number(finding.score), finding.reason, finding.error, values], ensure_ascii=True)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _read(text: str) -> Finding:
    score, reason, error, values = json.loads(text)
    return Finding(_figure(score), reason, error, {name: _figure(value) for name, value in values.items()})


def _figure(value: Any) -> float:
    return math.nan if value is None else float(value)
