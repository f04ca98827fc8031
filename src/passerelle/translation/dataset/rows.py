"""Translate some rows: check their images, translate their texts, set apart what can't be kept whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from passerelle.errors import EngineStopped, RunError, StorageError
from passerelle.formats.base import BadRow, Row
from passerelle.formats.images import ImageFolder, check_images
from passerelle.translation.dataset.rejects import Reject
from passerelle.translation.dataset.tally import Tally
from passerelle.translation.protection.safe import Outcome, SafeTranslator

CHUNK_ROWS = 1024
CHUNK_BYTES = 8 << 20
# So many rows, one after the other, that an engine fails at: it's the engine, not the rows.
_MOST_FAILURES = 10


class Written(NamedTuple):
    """A row of the output, as it was read, and its new texts by place."""

    row: Row
    texts: Mapping[str, str]


@dataclass
class Chunk:
    """Some rows, translated: each is written or rejected, in the order of the file."""

    rows: list[Written | Reject] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


def chunks(rows: Iterable[Row | BadRow], most_rows: int | None = None) -> Iterator[list[Row | BadRow]]:
    """Cut a stream of rows into pieces that memory can hold, whatever the rows' size.

    Args:
        rows: The rows.
        most_rows: Most rows of a piece; `CHUNK_ROWS` if not given.
    """
    most_rows = most_rows or CHUNK_ROWS
    chunk: list[Row | BadRow] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += len(row.raw)
        if len(chunk) == most_rows or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


class RowTranslator:
    """Translates rows, some at a time."""

    def __init__(self, safe: SafeTranslator, images: ImageFolder | Path | None) -> None:
        """Take what translates texts.

        Args:
            safe: Translates texts and checks the result.
            images: Where images may be; ``None`` if it isn't known.
        """
        self._safe = safe
        self._images = images
        self._failures = 0

    def translate(self, rows: Sequence[Row | BadRow]) -> Chunk:
        """Translate some rows.

        Raises:
            EngineStopped: The engine can't go on.
            RunError: The engine fails at every row.
            StorageError: The memory can't be read or written.
        """
        unread = [self._reject_unread(row) for row in rows]
        good = [row for row, reject in zip(rows, unread, strict=True) if reject is None and isinstance(row, Row)]
        done = [(row, outcomes) for row, outcomes in zip(good, self._outcomes(good), strict=True)]
        finished = iter([_finish(row, outcomes) for row, outcomes in done])
        chunk = Chunk([next(finished) if reject is None else reject for reject in unread])
        rejected = {found.number for found in chunk.rows if isinstance(found, Reject)}
        chunk.tally.add_texts(_texts(done))
        chunk.tally.add_rejected(found.reason for found in chunk.rows if isinstance(found, Reject))
        chunk.tally.add_written(
            len(rows) - len(rejected), _texts([one for one in done if one[0].number not in rejected])
        )
        return chunk

    def _reject_unread(self, row: Row | BadRow) -> Reject | None:
        if isinstance(row, BadRow):
            return Reject.of_bad(row)
        problem = check_images(row, self._images)
        return None if problem is None else Reject.of_image(row, problem)

    def _outcomes(self, rows: Sequence[Row]) -> list[dict[str, Outcome]]:
        """Translate all rows at once; where the engine fails, in halves, until it's known at which row it does."""
        try:
            outcomes = self._safe.translate_rows([row.fields for row in rows])
        except (EngineStopped, StorageError):
            raise
        except RunError as error:
            if len(rows) > 1:
                middle = len(rows) // 2
                return self._outcomes(rows[:middle]) + self._outcomes(rows[middle:])
            self._failures += 1
            if self._failures == _MOST_FAILURES:
                raise
            failed = Outcome(None, "engine-failed", str(error))
            return [{text.place: failed for text in rows[0].fields}]
        self._failures = 0
        return outcomes


def _finish(row: Row, outcomes: Mapping[str, Outcome]) -> Written | Reject:
    for place, found in outcomes.items():
        if found.text is None:
            return Reject.of_text(row, place, found)
    # A text that stays the same isn't written anew, so that its bytes stay too.
    return Written(row, {place: new for place, old, _ in row.fields if (new := outcomes[place].text or "") != old})


def _texts(rows: Iterable[tuple[Row, Mapping[str, Outcome]]]) -> list[tuple[str, Outcome]]:
    """Return all texts of some rows, each with its outcome."""
    return [(text, outcomes[place]) for row, outcomes in rows for place, text, _ in row.fields]
