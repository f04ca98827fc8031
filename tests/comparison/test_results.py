"""Thumbnails of the report's examples."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from passerelle.pictures.thumbnails import KEPT_SIDE, keep_picture


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "large.png"
    Image.new("RGBA", (900, 300), (255, 0, 0, 0)).save(path)
    return path


def test_thumbnails_are_small_and_made_once(tmp_path: Path, picture: Path) -> None:
    place = tmp_path / keep_picture(picture, tmp_path, "stamps/animals/cat")
    assert place.name == "stamps_animals_cat.jpg"
    with Image.open(place) as image:
        assert image.size == ((KEPT_SIDE, KEPT_SIDE)[0], round((KEPT_SIDE, KEPT_SIDE)[0] / 3))
        assert image.getpixel((9, 9)) == (255, 255, 255)
    place.write_bytes(b"kept")
    assert tmp_path / keep_picture(picture, tmp_path, "stamps/animals/cat") == place
    assert place.read_bytes() == b"kept"


def test_a_kill_leaves_no_half_thumbnail(tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", kill)
    with pytest.raises(KeyboardInterrupt):
        keep_picture(picture, tmp_path, "one")
    assert not (tmp_path / "pictures" / "one.jpg").exists()
