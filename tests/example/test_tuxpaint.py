"""Tux Paint's stamps, as Debian installs them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from passerelle.errors import MissingDependency
from passerelle.example.tuxpaint import read_captions, read_pictures, render
from passerelle.pictures.opening import open_picture
from passerelle.records import Picture


def test_captions_by_language(tmp_path: Path) -> None:
    path = tmp_path / "blackbird.txt"
    path.write_text(
        "A blackbird.\n\nfr.utf8=Un merle.\n pt_BR.utf8= Um melro. \nca@valencia.utf8=Una merla.\n"
        "de.utf8=\nnonsense\nes.latin1=Un mirlo.\n",
        encoding="utf-8",
    )
    assert read_captions(path) == {
        "en": "A blackbird.",
        "fr": "Un merle.",
        "pt_BR": "Um melro.",
        "ca@valencia": "Una merla.",
    }


@pytest.mark.parametrize(
    ("content", "captions"),
    [(b"", {}), (b"\nfr.utf8=Un merle.\n", {"fr": "Un merle."}), (b"A b\xff\n", {"en": "A b\ufffd"})],
)
def test_odd_caption_files(tmp_path: Path, content: bytes, captions: dict[str, str]) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    assert read_captions(path) == captions


def test_all_stamps_have_french(stamps: list[Picture]) -> None:
    assert len(stamps) == 950
    assert all(stamp.captions.keys() == {"en", "fr"} for stamp in stamps)
    assert all(stamp.captions["fr"].origin == "human-translation" for stamp in stamps)
    assert max(Counter(stamp.id for stamp in stamps).values()) == 1
    assert all(stamp.path.is_file() for stamp in stamps)
    assert not any("cartoon" in stamp.category for stamp in stamps)


def test_a_stamp_that_everyone_knows(stamps: list[Picture]) -> None:
    found = {stamp.id: stamp for stamp in stamps}["stamps/animals/birds/blackbird"]
    assert found.captions["en"].text == "A blackbird."
    assert found.captions["fr"].text == "Un merle."
    assert (found.category, found.concept) == ("animals/birds", "blackbird")


def test_another_language(stamps: list[Picture], tmp_path: Path) -> None:
    folder = tmp_path / "stamps" / "animals"
    folder.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "cat.png")
    (folder / "cat.txt").write_text("A cat.\nes.utf8=Un gato.\n", encoding="utf-8")
    (folder / "dog.txt").write_text("A dog without a picture.\n", encoding="utf-8")
    Image.new("RGB", (8, 8)).save(folder / "cow.png")
    (folder / "cow.txt").write_text("\nes.utf8=Una vaca.\n", encoding="utf-8")
    assert [(p.id, p.captions.keys()) for p in read_pictures("es", tmp_path, tmp_path / "stamps")] == [
        ("stamps/animals/cat", {"en", "es"})
    ]
    assert read_pictures("fr", tmp_path, tmp_path / "stamps")[0].captions.keys() == {"en"}
    assert read_pictures("en", tmp_path, tmp_path / "stamps")[0].captions["en"].origin == "native"


def test_vector_graphics_are_drawn_once(tmp_path: Path) -> None:
    folder = tmp_path / "stamps"
    folder.mkdir()
    (folder / "ball.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><circle cx="5" cy="5" r="4" fill="red"/></svg>'
    )
    (folder / "ball.txt").write_text("A ball.\n")
    (found,) = read_pictures("fr", tmp_path / "drawn", folder)
    image = open_picture(found.path)
    assert image.size == (256, 128)
    assert image.getpixel((64, 64)) == (255, 0, 0)
    assert image.getpixel((200, 64)) == (255, 255, 255)
    found.path.write_bytes(b"kept")
    assert read_pictures("fr", tmp_path / "drawn", folder)[0].path.read_bytes() == b"kept"
    assert [path.name for path in found.path.parent.iterdir()] == ["ball.png"]


def test_a_broken_vector_leaves_no_picture(tmp_path: Path) -> None:
    (tmp_path / "ball.svg").write_text("<svg")
    with pytest.raises(Exception, match=r".+"):
        render(tmp_path / "ball.svg", tmp_path / "drawn" / "ball.png")
    assert not (tmp_path / "drawn" / "ball.png").exists()


def test_stamps_that_are_not_installed(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match="sudo apt-get install --no-install-recommends tuxpaint-stamps-default"):
        read_pictures("fr", tmp_path, tmp_path / "none")
