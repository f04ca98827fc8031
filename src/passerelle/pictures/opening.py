"""Open a picture file safely, as plain RGB on white."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from passerelle.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 50_000_000
"""Larger pictures are refused before they are decoded: 150 MB as RGB."""


class PictureTooLarge(InputError):
    """A picture has more pixels than are read."""


def open_picture(path: Path | str) -> Image.Image:
    """Read a picture: first frame, oriented as its EXIF says, transparency on white, RGB.

    Args:
        path: A file in any format that Pillow reads.

    Returns:
        The decoded picture, mode RGB.

    Raises:
        InputError: The file is missing, is no picture, is truncated, or has more than `MAX_PIXELS`.
    """
    from PIL import ImageOps

    path = Path(path)
    with _opened(path, repr(str(path))) as image:
        image.seek(0)
        return _on_white(ImageOps.exif_transpose(image))


def check_picture(source: Path | bytes, name: str) -> None:
    """Look whether something is a picture that `open_picture` would take, without decoding it.

    This reads the header and, where the format has checksums, compares them; some truncated pictures pass.

    Args:
        source: A file, or its content.
        name: What to call it in messages.

    Raises:
        PictureTooLarge: It has more than `MAX_PIXELS`.
        InputError: It is missing, is no picture, or is broken.
    """
    with _opened(source, name) as image:
        image.verify()


@contextmanager
def _opened(source: Path | bytes, name: str) -> Iterator[Image.Image]:
    """Open a picture of a bearable size, undecoded; what is wrong with it becomes an `InputError`."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(source, Path) and not source.is_file():
        raise InputError(f"no picture at {str(source)!r}: give the path of a PNG, JPEG, WebP, GIF or BMP file.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise PictureTooLarge(
                        f"{name} has {width}×{height} pixels; "
                        f"at most {MAX_PIXELS // 1_000_000} megapixels are read. Scale it down first."
                    )
                yield image
    except UnidentifiedImageError:
        raise InputError(f"{name} is not a picture that can be read (PNG, JPEG, WebP, GIF, BMP).") from None
    except Image.DecompressionBombError as error:
        raise PictureTooLarge(f"{name} is too large: {error}.") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InputError(f"{name} is broken: {error}.") from None


def _on_white(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode == "RGB" and "transparency" not in image.info:
        image.load()
        return image
    if image.mode == "I;16":
        image = image.convert("I").point(lambda v: v / 256)
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return image.convert("L").convert("RGB")
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, rgba).convert("RGB")
