"""Small pictures as data URIs, so that the page needs no other file."""

from __future__ import annotations

import base64
import io
import warnings
from pathlib import Path
from typing import NamedTuple

from passerelle.pictures.opening import open_picture
from passerelle.runs import write_atomically

KEPT_SIDE = 256
LONGEST_SIDE = 160
MAX_PIXELS = 60_000_000


class Thumbnail(NamedTuple):
    """A picture of at most 160 × 160 pixels."""

    uri: str
    width: int
    height: int


def keep_picture(path: Path, run_folder: Path, identifier: str) -> str:
    """Keep a small copy of a picture in a run folder, for its report.

    Args:
        path: The picture.
        run_folder: The run folder.
        identifier: Names the copy.

    Returns:
        The copy's path, relative to the run folder.
    """
    place = Path("pictures") / f"{identifier.replace('/', '_')}.jpg"
    if not (run_folder / place).is_file():
        image = open_picture(path)
        image.thumbnail((KEPT_SIDE, KEPT_SIDE))
        encoded = io.BytesIO()
        image.save(encoded, format="JPEG", quality=88)
        write_atomically(run_folder / place, encoded.getvalue())
    return place.as_posix()


def make_thumbnail(run_folder: Path, relative: str) -> Thumbnail | None:
    """Make a small JPEG of a picture in the run folder.

    Args:
        run_folder: The run folder; pictures outside of it aren't read, whatever the results say.
        relative: Path of the picture, relative to the run folder.

    Returns:
        The thumbnail on white, or ``None`` where the picture is missing, unreadable or outside of the folder.
    """
    from PIL import Image

    folder = run_folder.resolve()
    try:
        path = (folder / relative).resolve()
        if not relative or not path.is_relative_to(folder) or not path.is_file():
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    return None
                picture.draft("RGB", (LONGEST_SIDE * 2, LONGEST_SIDE * 2))
                return _encode(picture.convert("RGBA"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        # Pillow says of a broken file any of these; a report without one picture is still a report.
        return None


def _encode(picture: object) -> Thumbnail:
    from PIL import Image

    assert isinstance(picture, Image.Image)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    canvas = Image.new("RGB", picture.size, "white")
    canvas.paste(picture, mask=picture.getchannel("A"))
    buffer = io.BytesIO()
    canvas.save(buffer, "JPEG", quality=82, optimize=True)
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Thumbnail(f"data:image/jpeg;base64,{encoded}", *canvas.size)
