"""Open a picture file safely, as plain RGB on white."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from passerelle.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 50_000_000
"""Larger pictures are refused before they are decoded: 150 MB as RGB."""


def open_picture(path: Path | str) -> Image.Image:
    """Read a picture: first frame, oriented as its EXIF says, transparency on white, RGB.

    Args:
        path: A file in any format that Pillow reads.

    Returns:
        The decoded picture, mode RGB.

    Raises:
        InputError: The file is missing, is no picture, is truncated, or has more than `MAX_PIXELS`.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(path)
    if not path.is_file():
        raise InputError(f"no picture at {str(path)!r}: give the path of a PNG, JPEG, WebP, GIF or BMP file.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise InputError(
                        f"picture {str(path)!r} has {width}×{height} pixels; "
                        f"at most {MAX_PIXELS // 1_000_000} megapixels are read. Scale it down first."
                    )
                image.seek(0)
                return _on_white(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        raise InputError(f"{str(path)!r} is not a picture that can be read (PNG, JPEG, WebP, GIF, BMP).") from None
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise InputError(f"picture {str(path)!r} is broken: {error}.") from None


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
