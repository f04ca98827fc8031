"""Read and write again, in one call: what the formats' tests do all the time."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from passerelle.formats.base import BadRow, Format, Row


def read(data_format: Format, path: Path) -> tuple[list[Row], list[BadRow]]:
    """Return the good rows and the bad ones."""
    rows = list(data_format.rows(path))
    return [row for row in rows if isinstance(row, Row)], [row for row in rows if isinstance(row, BadRow)]


def rewritten(
    data_format: Format,
    path: Path,
    new: Callable[[str], str | None] = lambda text: None,
    keep: Callable[[Row], bool] = lambda row: True,
) -> bytes:
    """Write a file again with each text put through `new` (``None``: as it is) and some rows only."""
    out = io.BytesIO()
    pairs = []
    for row in read(data_format, path)[0]:
        if keep(row):
            texts = {field.place: new(field.text) for field in row.fields}
            pairs.append((row, {place: text for place, text in texts.items() if text is not None}))
    data_format.write(path, out, pairs)
    return out.getvalue()


def png(width: int = 8, height: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (255, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()
