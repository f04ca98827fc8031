"""Rows of two files that belong together one by one: read again each time that they are gone through."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple

from passerelle.errors import InputError
from passerelle.formats.base import BadRow, Row
from passerelle.quality.base import Pair, PairedRow

IN_MEMORY = 20_000
"""So many rows are held in memory rather than read again."""

Read = Callable[[], Iterable[Row | BadRow]]
MakeRow = Callable[[Row, Row, bool], PairedRow]
"""Makes a row of a row of the source and one of the translation; the last says whether pictures are looked at."""


class RowsInStep(Collection[PairedRow]):
    """Rows with a text, as many as one likes: only those at hand are in memory."""

    def __init__(self, source: Read, translated: Read, make: MakeRow, rows: int, pairs: int) -> None:
        """Take what reads the files, and how much is known to be in them."""
        self._source, self._translated, self._make = source, translated, make
        self._rows, self.pairs_in_all = rows, pairs

    def __len__(self) -> int:
        return self._rows

    def __contains__(self, row: object) -> bool:
        return any(row == each for each in self)

    def __iter__(self) -> Iterator[PairedRow]:
        """Read both files.

        Raises:
            InputError: They changed since they were first read.
        """
        count = 0
        for both in _together(self._source(), self._translated()):
            if both is None:
                break
            row = self._make(*both, False)
            count += bool(row.pairs)
            if row.pairs:
                yield row
        if count != self._rows:
            raise InputError("a file changed while it was read: run the same command again.")


class PairsInStep(Collection[Pair]):
    """The pairs of such rows."""

    def __init__(self, rows: RowsInStep) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return self._rows.pairs_in_all

    def __contains__(self, pair: object) -> bool:
        return any(pair == each for each in self)

    def __iter__(self) -> Iterator[Pair]:
        return (pair for row in self._rows for pair in row.pairs)


class InStep(NamedTuple):
    """What two files hold whose rows belong together one by one.

    Attributes:
        rows: Those with a text, a tuple where they are few.
        without_text: The translation's rows without one.
    """

    rows: Collection[PairedRow]
    without_text: tuple[Row, ...]


def in_step(source: Read, translated: Read, make: MakeRow) -> InStep | None:
    """Read two files row by row; ``None`` where their rows don't belong together one by one, or anything is wrong.

    Args:
        source: Reads the source.
        translated: Reads the translation.
        make: Makes a row of two.
    """
    kept: list[PairedRow] = []
    without_text: list[Row] = []
    rows = pairs = 0
    try:
        for both in _together(source(), translated()):
            if both is None:
                return None
            row = make(*both, True)
            if not row.pairs:
                without_text.append(row.row)
                continue
            rows, pairs = rows + 1, pairs + len(row.pairs)
            if rows <= IN_MEMORY:
                kept.append(row)
            else:
                kept.clear()
    except InputError:
        return None
    held = tuple(kept) if rows <= IN_MEMORY else RowsInStep(source, translated, make, rows, pairs)
    return InStep(held, tuple(without_text))


def _together(source: Iterable[Row | BadRow], translated: Iterable[Row | BadRow]) -> Iterator[tuple[Row, Row] | None]:
    """Yield rows that belong together; ``None`` where two don't, or one of them is missing or bad."""
    for ours, theirs in zip_longest(source, translated):
        if not isinstance(ours, Row) or not isinstance(theirs, Row):
            yield None
        elif ours.id == theirs.id or (ours.is_numbered and theirs.is_numbered):
            yield ours, theirs
        else:
            yield None
