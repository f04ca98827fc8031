"""Whether a row's images are there, are pictures of a bearable size, and lie inside the image folder."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from passerelle.errors import InputError
from passerelle.formats.base import Row
from passerelle.pictures.opening import PictureTooLarge, check_picture

# MMBench's later files write the number of another row in the place of an image that was there before.
_REFERENCE = re.compile(r"\s*\d{1,12}\s*")
_DATA_URI = re.compile(r"data:image/[\w.+-]+;base64,")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# What needs no further look: most paths there are.
_INSIDE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")
# Some files keep several images in one cell, written as a list.
_LISTED = re.compile(r"[A-Za-z0-9+/=]{20,}")

Problem = tuple[str, str]
"""A reason code, and what was wrong, for people."""


def check_images(row: Row, folder: Path | None) -> Problem | None:
    """Check the images that a row names.

    Each must be a file inside `folder` (also where a link leads) and a picture within the limits. It is looked at,
    not decoded. Images somewhere else (``https://…``) are the trainer's affair and are passed over.

    Args:
        row: The row.
        folder: The image folder; ``None`` if it isn't known: then no file is looked at, only its path.

    Returns:
        ``None`` if all are well, else the first problem: ``outside-folder``, ``missing-image``, ``bad-image`` or
        ``image-bomb``, and what was wrong.
    """
    for image in row.images:
        if image.startswith("data:"):
            problem = check_embedded(image)
        else:
            problem = None if _ELSEWHERE.match(image) and not image.startswith("file:") else _check_file(image, folder)
        if problem is not None:
            return problem
    return None


def check_embedded(data: str | bytes) -> Problem | None:
    """Check an image that stands in the row itself: bytes, base64, a list of base64, or a ``data:`` URI.

    Returns:
        ``None``, or the reason ``bad-image`` or ``image-bomb`` and what was wrong.
    """
    if isinstance(data, bytes):
        return _check_picture(data, "the embedded image")
    if not data.strip() or _REFERENCE.fullmatch(data):
        return None
    text = data[uri.end() :] if (uri := _DATA_URI.match(data)) else data
    several = _LISTED.findall(text) if text.lstrip().startswith("[") else [text]
    for one in several or [text]:
        try:
            content = base64.b64decode("".join(one.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            return "bad-image", f"it isn't base64: {error}"
        if (problem := _check_picture(content, "the embedded image")) is not None:
            return problem
    return None


def _check_file(image: str, folder: Path | None) -> Problem | None:
    if folder is None and _INSIDE.fullmatch(image) and ".." not in image:
        return None
    posix, windows = PurePosixPath(image), PureWindowsPath(image)
    if posix.is_absolute() or windows.anchor or ".." in windows.parts or image.startswith("file:"):
        return "outside-folder", f"image {image!r} must be a relative path inside the image folder"
    if folder is None:
        return None
    try:
        path = (folder / posix).resolve()
        if not path.is_relative_to(folder.resolve()):
            return "outside-folder", f"image {image!r} is a link that leads out of the image folder"
        if not path.is_file():
            return "missing-image", f"no file {image!r} in the image folder"
    except (OSError, RuntimeError, ValueError):  # names too long, links in a circle, NUL characters, half surrogates
        return "missing-image", f"no file can have the name {image[:200]!a}"
    return _check_picture(path, f"image {image!r}")


def _check_picture(source: Path | bytes, name: str) -> Problem | None:
    try:
        check_picture(source, name)
    except PictureTooLarge as error:
        return "image-bomb", str(error)
    except InputError as error:
        return "bad-image", str(error)
    return None
