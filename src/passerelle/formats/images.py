"""Whether a row's images are there, are pictures of a bearable size, and lie inside the image folder."""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

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


@dataclass(frozen=True)
class ImageFolder:
    """Where the images of rows may be.

    Attributes:
        folder: The image folder; ``None`` if it isn't known: then no file of a relative path is looked at.
        beside: Where absolute paths may lead if the folder isn't known: that of the data file.
        anywhere: Whether paths may lead out of the folder.
    """

    folder: Path | None = None
    beside: Path | None = None
    anywhere: bool = False


def check_images(row: Row, images: ImageFolder | Path | None) -> Problem | None:
    """Check the images that a row names.

    Each must be a file inside the folder (also where a link leads) and a picture within the limits. It is looked at,
    not decoded. Images somewhere else (``https://…``) are the trainer's affair and are passed over.

    Args:
        row: The row.
        images: Where they may be, or only the image folder.

    Returns:
        ``None`` if all are well, else the first problem: ``outside-folder``, ``missing-image``, ``bad-image`` or
        ``image-bomb``, and what was wrong.
    """
    images = images if isinstance(images, ImageFolder) else ImageFolder(images)
    for image in row.images:
        if image.startswith("data:"):
            problem = check_embedded(image)
        else:
            problem = None if _ELSEWHERE.match(image) and not image.startswith("file:") else _check_file(image, images)
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


def _check_file(image: str, images: ImageFolder) -> Problem | None:
    if images.folder is None and _INSIDE.fullmatch(image) and ".." not in image:
        return None
    problem, path = find_file(image, images.folder, images.anywhere, images.beside)
    return problem if path is None else _check_picture(path, f"image {image!r}")


def find_file(
    image: str, folder: Path | None, anywhere: bool = False, beside: Path | None = None
) -> tuple[Problem | None, Path | None]:
    """Find the file that a row names, inside the image folder unless it may be anywhere.

    Args:
        image: A path, relative to the folder or absolute; or a ``file:`` address.
        folder: The image folder; ``None`` if it isn't known: then relative paths are taken as they are.
        anywhere: Whether it may lie outside of the folder.
        beside: Where absolute paths may lead if the folder isn't known.

    Returns:
        What is wrong with it, and the file; neither for a relative path without a folder.
    """
    name = unquote(image.removeprefix("file://")) if image.startswith("file:///") else image
    is_bare = not name.startswith("/")
    problem = _strange(name, is_bare, anywhere)
    if problem is not None:
        return problem, None
    home = folder if is_bare else folder or beside
    if home is None:
        return (None, None) if is_bare else (_outside(image, "lies outside of any folder that is known"), None)
    try:
        path = os.path.realpath(os.path.join(home, name))
        if not anywhere and not path.startswith(os.path.join(os.path.realpath(home), "")):
            return _outside(image, f"lies outside of {str(home)!r}, or is a link that leads out of it"), None
        if not os.path.isfile(path):
            return ("missing-image", f"no file {image!r} in the image folder"), None
    except (OSError, RuntimeError, ValueError):  # names too long, links in a circle, NUL characters, half surrogates
        return ("missing-image", f"no file can have the name {image[:200]!a}"), None
    return None, Path(path)


def _strange(name: str, is_bare: bool, anywhere: bool) -> Problem | None:
    """Say what is wrong with a path before any file is looked at."""
    if _INSIDE.fullmatch(name) and ".." not in name:
        return None
    if _ELSEWHERE.match(name) and not name.startswith("file:"):
        return "remote-image", f"image {name[:200]!r} isn't on this machine: download it first"
    windows = PureWindowsPath(name)
    if is_bare and (windows.anchor or name.startswith("file:") or not anywhere and ".." in windows.parts):
        return "outside-folder", f"image {name!r} must be a path inside the image folder"
    return None


def _outside(image: str, why: str) -> Problem:
    return "outside-folder", f"image {image!r} {why}. Give its folder, or allow it with images-anywhere"


def _check_picture(source: Path | bytes, name: str) -> Problem | None:
    try:
        check_picture(source, name)
    except PictureTooLarge as error:
        return "image-bomb", str(error)
    except InputError as error:
        return "bad-image", str(error)
    return None
