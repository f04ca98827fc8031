"""Which row of a translated file belongs to which row of its source, also where one of them is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Literal, NamedTuple

from passerelle.errors import InputError
from passerelle.formats.base import Row

_SHOWN = 5


class Unpaired(NamedTuple):
    """A row that has no other.

    Attributes:
        side: Which file it stands in.
        number: Its number there.
        id: Its id.
        reason: Why, where it is known: the code that its row was rejected for.
    """

    side: Literal["source", "translation"]
    number: int
    id: str
    reason: str = ""


class Alignment(NamedTuple):
    """Rows of both files that belong together, in the order of the translation, and those that are alone."""

    pairs: list[tuple[Row, Row]]
    unpaired: list[Unpaired]


class Files(NamedTuple):
    """The two files, for messages."""

    source: Path
    translated: Path


def align(ours: Sequence[Row], theirs: Sequence[Row], rejected: Mapping[int, str], files: Files) -> Alignment:
    """Bring the rows of two files together: by their ids, or where they have none of their own, by their places.

    Args:
        ours: Rows of the source.
        theirs: Rows of the translation.
        rejected: Reason by number of rows of the source that are known to have no translation.
        files: For messages.

    Raises:
        InputError: The files don't belong together, or it can't be told which row is missing.
    """
    if ours and not theirs:
        reasons = Counter(filter(None, rejected.values())).most_common(1)
        most = "Most were rejected as {!r}; the file of rejects beside it says why each."
        why = f" {most.format(reasons[0][0])}" if reasons else ""
        raise InputError(f"{str(files.translated)!r} has no rows: nothing of {str(files.source)!r} is translated.{why}")
    ids = [[row.id for row in rows] for rows in (ours, theirs)]
    is_told = not any(row.is_numbered for rows in (ours, theirs) for row in rows)
    if is_told and all(len(set(each)) == len(each) for each in ids) and ids[0] != ids[1]:
        return _by_id(ours, theirs, rejected, files)
    return _by_place(ours, theirs, rejected, files)


def _by_id(ours: Sequence[Row], theirs: Sequence[Row], rejected: Mapping[int, str], files: Files) -> Alignment:
    sources = {row.id: row for row in ours}
    pairs = [(sources[row.id], row) for row in theirs if row.id in sources]
    if 2 * len(pairs) < len(theirs) or not pairs:
        stranger = next((row for row in theirs if row.id not in sources), None)
        raise InputError(
            f"row {stranger.number if stranger else 1}: id {ours[0].id if ours else ''!r} in {str(files.source)!r}, "
            f"{stranger.id if stranger else ''!r} in {str(files.translated)!r}: most rows of the translation have ids "
            "that the source doesn't have. Give the files that belong together."
        )
    there = {row.id for _, row in pairs}
    alone = [_without_translation(row, rejected) for row in ours if row.id not in there]
    alone += [Unpaired("translation", row.number, row.id) for row in theirs if row.id not in sources]
    return Alignment(pairs, alone)


def _by_place(ours: Sequence[Row], theirs: Sequence[Row], rejected: Mapping[int, str], files: Files) -> Alignment:
    kept = ours if len(ours) == len(theirs) else [row for row in ours if row.number not in rejected]
    pairs = []
    for count, (one, other) in enumerate(zip_longest(kept, theirs), 1):
        if one is None or other is None:
            more, less = reversed(files) if one is None else files
            raise InputError(
                f"{str(more)!r} has a row {count} and {str(less)!r} has only {count - 1}: they must be aligned row by "
                "row, or have ids of their own. The file of rejects beside the translation says which are missing."
            )
        if one.id != other.id and not (one.is_numbered and other.is_numbered):
            raise InputError(
                f"row {count}: id {one.id!r} in {str(files.source)!r}, {other.id!r} in {str(files.translated)!r}: "
                "they must be aligned row by row. Sort both alike, and leave the same rows out of both."
            )
        pairs.append((one, other))
    there = {row.number for row in kept}
    return Alignment(pairs, [_without_translation(row, rejected) for row in ours if row.number not in there])


def _without_translation(row: Row, rejected: Mapping[int, str]) -> Unpaired:
    return Unpaired("source", row.number, row.id, rejected.get(row.number, ""))


def said(unpaired: Sequence[Unpaired], files: Files) -> str:
    """Say which rows have no other; empty if all have."""
    lines = []
    for side, path, lacks in (("source", files.source, "translation"), ("translation", files.translated, "source")):
        alone = [row for row in unpaired if row.side == side]
        if alone:
            rows = "1 row" if len(alone) == 1 else f"{len(alone):,} rows"
            shown = [f"{row.id}{f' ({row.reason})' if row.reason else ''}" for row in alone[:_SHOWN]]
            more = ", …" if len(alone) > _SHOWN else ""
            lines.append(f"{rows} of {str(path)!r} without a {lacks}: {', '.join(shown)}{more}")
    return "; ".join(lines)
