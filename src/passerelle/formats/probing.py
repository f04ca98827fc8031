"""Whether the first rows of a file are those of a format."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from itertools import islice

from passerelle.errors import InputError
from passerelle.formats.base import BadRow, Row

PROBED_ROWS = 10


def looks_like(rows: Generator[Row | BadRow, None, None]) -> bool:
    """Say whether rows that were read as a format's fit it.

    Args:
        rows: The rows of a file, read lazily. Only the first are taken.

    Returns:
        Whether most have what the format requires and at least one has a text. Broken rows say nothing.
    """
    fitting = others = texts = 0
    with closing(rows):
        try:
            for row in islice(rows, PROBED_ROWS):
                if isinstance(row, Row):
                    fitting += 1
                    texts += len(row.fields)
                else:
                    others += row.reason in ("missing-field", "wrong-column-count")
        except InputError:
            pass  # what came before the broken place counts
    return fitting > others and texts > 0
