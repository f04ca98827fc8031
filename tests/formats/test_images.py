from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from reading import png

from passerelle.formats.base import Row
from passerelle.formats.images import check_embedded, check_images

Written = Callable[[str, bytes | str], Path]


def row(*images: str) -> Row:
    return Row(1, "1", (), images)


def bomb() -> bytes:
    """A PNG that says it has 10,000 megapixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.fixture
def folder(written: Written, tmp_path: Path) -> Path:
    written("outside.png", png())
    written("images/a/b.png", png())
    written("images/text.png", "hello")
    written("images/bomb.png", bomb())
    written("images/cut.png", png()[:40])
    (tmp_path / "images" / "out.png").symlink_to("../outside.png")
    (tmp_path / "images" / "in.png").symlink_to("a/b.png")
    (tmp_path / "images" / "circle.png").symlink_to("circle.png")
    (tmp_path / "images" / "away").symlink_to(tmp_path)
    return tmp_path / "images"


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("a/b.png", None),
        ("./a//b.png", None),
        ("in.png", None),
        ("https://example.org/a.png", None),
        ("../outside.png", "outside-folder"),
        ("../../etc/passwd", "outside-folder"),
        ("a/../a/b.png", "outside-folder"),
        ("..\\outside.png", "outside-folder"),
        ("/etc/passwd", "outside-folder"),
        ("C:\\a.png", "outside-folder"),
        ("file:///etc/passwd", "outside-folder"),
        ("out.png", "outside-folder"),
        ("away/outside.png", "outside-folder"),
        ("none.png", "missing-image"),
        ("a", "missing-image"),
        ("circle.png", "missing-image"),
        ("nul\0.png", "missing-image"),
        ("half\ud83d.png", "missing-image"),
        ("x" * 5000, "missing-image"),
        ("text.png", "bad-image"),
        ("cut.png", "bad-image"),
        ("bomb.png", "image-bomb"),
        ("data:image/png;base64," + base64.b64encode(png()).decode(), None),
        ("data:image/png;base64,AAAA", "bad-image"),
    ],
)
def test_an_image_file(folder: Path, image: str, reason: str | None) -> None:
    problem = check_images(row(image), folder)
    assert (problem[0] if problem else None) == reason
    if problem:
        assert problem[1]
    assert check_images(row("a/b.png", image), folder) == problem


def test_a_folder_that_is_itself_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(folder)
    assert check_images(row("a/b.png"), tmp_path / "linked") is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (png(), None),
        (base64.b64encode(png()).decode(), None),
        (base64.encodebytes(png()).decode(), None),
        (str([base64.b64encode(png()).decode()] * 2), None),
        ("17", None),
        ("", None),
        ("no base64!", "bad-image"),
        ("iVBORw0KGgo", "bad-image"),
        (base64.b64encode(b"hello").decode(), "bad-image"),
        (base64.b64encode(png()[:40]).decode(), "bad-image"),
        (base64.b64encode(bomb()).decode(), "image-bomb"),
        (str([base64.b64encode(png()).decode(), base64.b64encode(bomb()).decode()]), "image-bomb"),
        (bomb(), "image-bomb"),
        (b"", "bad-image"),
    ],
)
def test_an_embedded_image(data: str | bytes, reason: str | None) -> None:
    problem = check_embedded(data)
    assert (problem[0] if problem else None) == reason
