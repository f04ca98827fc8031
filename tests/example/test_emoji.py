"""Noto's emoji with CLDR's names, as Debian installs them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from passerelle.errors import MissingDependency
from passerelle.example import emoji
from passerelle.records import Picture


def test_names() -> None:
    english, french, brazilian = map(emoji.read_names, ("en", "fr", "pt-PT"))
    assert (english["🐈"], french["🐈"]) == ("cat", "chat")
    assert (english["❄"], french["❄"]) == ("snowflake", "flocon")
    assert brazilian
    assert not any("\ufe0f" in characters for characters in english)
    assert emoji.read_names("tlh") == {}


def test_pictures(emojis: list[Picture]) -> None:
    assert len(emojis) > 1200
    assert max(Counter(picture.id for picture in emojis).values()) == 1
    found = {picture.id: picture for picture in emojis}
    cat = found["emoji/1f408"]
    assert {key: text.text for key, text in cat.captions.items()} == {"en": "cat", "fr": "chat"}
    assert (cat.category, cat.concept, cat.source) == ("Animals & Nature/animal-mammal", "cat", "emoji")
    assert all(text.origin == "native" for text in cat.captions.values())
    assert sum("fr" in picture.captions for picture in emojis) / len(emojis) > 0.95
    left_out = ("emoji/1f408-200d-2b1b", "emoji/1f44d-1f3fb", "emoji/1f1eb-1f1f7", "emoji/31-20e3")
    assert not found.keys() & set(left_out)


@pytest.mark.parametrize("characters", ["🐈", "❄", "👍", "🍎"])
def test_a_drawn_emoji_is_not_blank(tmp_path: Path, characters: str) -> None:
    path = tmp_path / "drawn" / "one.png"
    emoji.draw(characters, path)
    with Image.open(path) as image:
        assert (image.mode, image.size) == ("RGB", emoji.CELL)
        colours = image.getcolors(10**6)
        assert image.getpixel((0, 127)) == (255, 255, 255)
    assert colours is not None
    assert sum(count for count, colour in colours if colour != (255, 255, 255)) > 2_000
    assert [file.name for file in path.parent.iterdir()] == ["one.png"]


def test_emoji_differ(emojis: list[Picture]) -> None:
    drawings = {picture.path.read_bytes() for picture in emojis[::20]}
    assert len(drawings) > 0.9 * len(emojis[::20])


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, package in (
        ("FONT", "fonts-noto-color-emoji"),
        ("EMOJI_TEST", "unicode-data"),
        ("ANNOTATIONS", "unicode-cldr-core"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(emoji, name, tmp_path / "none")
            with pytest.raises(MissingDependency, match=f"sudo apt-get install --no-install-recommends {package}"):
                emoji.read_pictures("fr", tmp_path)
