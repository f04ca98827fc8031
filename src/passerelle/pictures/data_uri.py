"""Pictures as ``data:`` URIs, encoded anew: a server gets a plain picture of bounded size, not a person's file."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from passerelle.pictures.opening import open_picture

LONGEST_SIDE = 2048
"""Pixels of the longer side; larger pictures are scaled down."""
_LOSSLESS_UP_TO = 512 * 512
"""Pixels up to which a picture is sent without loss: drawings and small texts suffer most."""


def data_uri(path: Path, longest_side: int = LONGEST_SIDE) -> str:
    """Return a picture as a ``data:`` URI: PNG where it is small, else JPEG.

    Args:
        path: The file.
        longest_side: Pixels that its longer side has at most.

    Raises:
        InputError: It is no picture, or too large to be opened.
    """
    from PIL import Image

    picture = open_picture(path)
    if max(picture.size) > longest_side:
        picture.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
    small = picture.width * picture.height <= _LOSSLESS_UP_TO
    buffer = io.BytesIO()
    picture.save(buffer, **({"format": "PNG"} if small else {"format": "JPEG", "quality": 92}))
    kind = "png" if small else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
