"""Pictures as users have them: broken, huge, animated, transparent."""

from __future__ import annotations

import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from passerelle.errors import InputError
from passerelle.pictures.opening import MAX_PIXELS, PictureTooLarge, check_picture, open_picture

WHITE, RED = (255, 255, 255), (255, 0, 0)


def encoded(image: Any, format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def noise(size: tuple[int, int] = (80, 60)) -> Any:
    return Image.frombytes("RGB", size, random.Random(1).randbytes(size[0] * size[1] * 3))


def png_header(width: int, height: int) -> bytes:
    """Write a PNG that says how large it is, and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", ["PNG", "BMP", "GIF", "JPEG", "WEBP"])
def test_usual_formats(tmp_path: Path, format: str) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(Image.new("RGB", (20, 10), RED), format))
    image = open_picture(path)
    assert (image.mode, image.size) == ("RGB", (20, 10))
    assert all(abs(is_ - meant) < 8 for is_, meant in zip(image.getpixel((5, 5)), RED, strict=True))


def test_a_plain_picture_is_unchanged(tmp_path: Path) -> None:
    noise().save(tmp_path / "a.png")
    assert open_picture(str(tmp_path / "a.png")).tobytes() == noise().tobytes()


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no picture at .*none.png.*give the path"):
        open_picture(tmp_path / "none.png")
    with pytest.raises(InputError, match="no picture at"):
        open_picture(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"Ceci est un texte.\n" * 100, b"\0" * 1000, b"%PDF-1.4\n"])
def test_no_picture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is not a picture that can be read"):
        open_picture(path)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_truncated(tmp_path: Path, format: str, share: float) -> None:
    whole = encoded(noise(), format)
    path = tmp_path / "a"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError, match="is broken|is not a picture"):
        open_picture(path)


@pytest.mark.parametrize("size", [(10_000, 10_000), (100_000, 1_000), (60_000, 60_000)])
def test_too_many_pixels_are_refused_unread(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png_header(*size))
    with pytest.raises(InputError) as refusal:
        open_picture(path)
    assert "Scale it down" in str(refusal.value) or "exceeds limit" in str(refusal.value)
    assert "truncated" not in str(refusal.value), "it was refused for its size, before it was decoded"


def test_a_real_picture_of_100_megapixels(tmp_path: Path) -> None:
    Image.new("1", (10_000, 10_000)).save(tmp_path / "large.png")
    with pytest.raises(InputError, match="10000×10000 pixels; at most 50 megapixels"):
        open_picture(tmp_path / "large.png")


def test_the_largest_size_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_PIXELS == 50_000_000
    monkeypatch.setattr("passerelle.pictures.opening.MAX_PIXELS", 200)
    Image.new("RGB", (20, 10), RED).save(tmp_path / "a.png")
    assert open_picture(tmp_path / "a.png").size == (20, 10)
    Image.new("RGB", (201, 1), RED).save(tmp_path / "b.png")
    with pytest.raises(InputError, match="201×1 pixels"):
        open_picture(tmp_path / "b.png")


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation(tmp_path: Path, format: str) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "lime", "blue")]
    path = tmp_path / "a"
    path.write_bytes(encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=50, loop=0))
    image = open_picture(path)
    assert image.mode == "RGB"
    assert all(abs(is_ - meant) < 8 for is_, meant in zip(image.getpixel((15, 10)), RED, strict=True))


def test_transparency_becomes_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 10, 10))
    image.paste((255, 0, 0, 128), (15, 0, 20, 10))
    image.save(tmp_path / "a.png")
    read = open_picture(tmp_path / "a.png")
    assert read.getpixel((2, 5)) == RED
    assert read.getpixel((12, 5)) == WHITE
    assert read.getpixel((17, 5)) == (255, 127, 127)


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "LA"])
def test_other_kinds_of_transparency(tmp_path: Path, mode: str) -> None:
    if mode == "P":
        image = Image.new("P", (20, 10), 0)
        image.putpalette([0, 0, 0, 0, 0, 0])
        image.paste(1, (10, 0, 20, 10))
        image.save(tmp_path / "a.png", transparency=0)
    elif mode == "LA":
        image = Image.new("LA", (20, 10), (0, 0))
        image.paste((0, 255), (10, 0, 20, 10))
        image.save(tmp_path / "a.png")
    else:
        image = Image.new(mode, (20, 10), 7 if mode == "L" else (7, 7, 7))
        image.paste(0, (10, 0, 20, 10))
        image.save(tmp_path / "a.png", transparency=7 if mode == "L" else (7, 7, 7))
    read = open_picture(tmp_path / "a.png")
    assert (read.mode, read.getpixel((2, 5)), read.getpixel((15, 5))) == ("RGB", WHITE, (0, 0, 0))


def test_a_palette_with_half_transparent_colours(tmp_path: Path) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0] * 3)
    image.putdata([0, 1, 2])
    image.save(tmp_path / "a.png", transparency=bytes([255, 128, 0]))
    read = open_picture(tmp_path / "a.png")
    assert [read.getpixel((x, 0)) for x in range(3)] == [RED, (255, 127, 127), WHITE]


def test_16_bits_keep_their_greys(tmp_path: Path) -> None:
    image = Image.new("I;16", (3, 1))
    for x, value in enumerate((0, 32_768, 65_535)):
        image.putpixel((x, 0), value)
    image.save(tmp_path / "a.png")
    read = open_picture(tmp_path / "a.png")
    assert [read.getpixel((x, 0)) for x in range(3)] == [(0, 0, 0), (128, 128, 128), WHITE]


@pytest.mark.parametrize(
    ("mode", "value", "seen"), [("1", 1, WHITE), ("L", 100, (100, 100, 100)), ("CMYK", (0, 255, 255, 0), RED)]
)
def test_other_modes(tmp_path: Path, mode: str, value: Any, seen: tuple[int, ...]) -> None:
    Image.new(mode, (4, 4), value).save(tmp_path / "a.tif")
    read = open_picture(tmp_path / "a.tif")
    assert (read.mode, read.getpixel((1, 1))) == ("RGB", seen)


def test_a_photograph_is_turned_as_the_camera_was(tmp_path: Path) -> None:
    image = Image.new("RGB", (20, 10), RED)
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    assert open_picture(tmp_path / "a.jpg").size == (10, 20)


@pytest.mark.parametrize("format", ["PNG", "GIF", "JPEG", "WEBP"])
def test_damaged_files_are_read_or_refused(tmp_path: Path, format: str) -> None:
    drawn = random.Random(f"damage/{format}")
    whole = encoded(noise((24, 24)).quantize(16) if format in ("PNG", "GIF") else noise((24, 24)), format)
    path = tmp_path / "a"
    refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(drawn.randint(1, 6)):
            damaged[drawn.randrange(len(damaged) if drawn.random() < 0.5 else 60)] = drawn.randrange(256)
        path.write_bytes(damaged)
        try:
            assert open_picture(path).mode == "RGB"
        except InputError:
            refused += 1
    assert 0 < refused < 150


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_looking_without_decoding(tmp_path: Path, format: str) -> None:
    content = encoded(noise(), format)
    (tmp_path / "a").write_bytes(content)
    check_picture(content, "it")
    check_picture(tmp_path / "a", "it")
    for bad in (b"", b"hello", content[:10]):
        with pytest.raises(InputError, match=r"it is (broken|not a picture)"):
            check_picture(bad, "it")
    with pytest.raises(PictureTooLarge, match="it has 10000×10000 pixels"):
        check_picture(png_header(10_000, 10_000), "it")
    with pytest.raises(InputError, match="no picture at"):
        check_picture(tmp_path / "none", "it")
