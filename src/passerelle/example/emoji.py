"""Noto's emoji with CLDR's names (Debian `fonts-noto-color-emoji`, `unicode-data`, `unicode-cldr-core`)."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from passerelle.errors import MissingDependency, to_install
from passerelle.example.concepts import concept
from passerelle.records import Picture, Text
from passerelle.runs import write_atomically

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
EMOJI_TEST = Path("/usr/share/unicode/emoji/emoji-test.txt")
ANNOTATIONS = Path("/usr/share/unicode/cldr/common/annotations")
STRIKE_SIZE = 109
"""The only size of the font's bitmaps, in pixels."""
CELL = (136, 128)
LEFT_OUT = frozenset({"Flags", "Component"})
_LINE = re.compile(r"^([0-9A-F ]+?)\s*; fully-qualified\s*# \S+ E[\d.]+ (.+)$")


def _listed() -> Iterator[tuple[str, str, str]]:
    """Yield (characters, category, English name) of each emoji that is one picture of its own."""
    group = subgroup = ""
    for line in EMOJI_TEST.read_text(encoding="utf-8").splitlines():
        if line.startswith("# group: "):
            group = line.removeprefix("# group: ")
        elif line.startswith("# subgroup: "):
            subgroup = line.removeprefix("# subgroup: ")
        elif (match := _LINE.match(line)) and group not in LEFT_OUT:
            points = [int(code, 16) for code in match[1].split()]
            joined = 0x200D in points or 0x20E3 in points
            toned = any(0x1F3FB <= point <= 0x1F3FF for point in points)
            if not joined and not toned:
                yield "".join(map(chr, points)), f"{group}/{subgroup}", match[2]


def read_names(language: str) -> dict[str, str]:
    """Return CLDR's short name of each emoji in `language`, keyed by its characters without U+FE0F."""
    path = ANNOTATIONS / f"{language.replace('-', '_')}.xml"
    if not path.is_file():
        return {}
    names = {}
    for node in ElementTree.parse(path).iter("annotation"):  # noqa: S314 - a file of the system's own
        if node.get("type") == "tts" and node.text:
            names[(node.get("cp") or "").replace("\ufe0f", "")] = node.text.strip()
    return names


def draw(characters: str, path: Path) -> None:
    """Write the emoji as a PNG on white, as large as the font has it."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGBA", CELL, (255, 255, 255, 255))
    font = ImageFont.truetype(str(FONT), STRIKE_SIZE)
    ImageDraw.Draw(image).text((0, 0), characters, font=font, embedded_color=True)
    encoded = io.BytesIO()
    image.convert("RGB").save(encoded, format="PNG")
    write_atomically(path, encoded.getvalue())


def read_pictures(language: str, folder: Path) -> list[Picture]:
    """Return the emoji with their CLDR names in English and in `language`, drawn into `folder` once.

    Emoji joined of several, skin tones and flags are left out: they repeat a picture or a pattern.

    Raises:
        MissingDependency: The font, the emoji list or CLDR isn't installed.
    """
    for needed, package in (
        (FONT, "fonts-noto-color-emoji"),
        (EMOJI_TEST, "unicode-data"),
        (ANNOTATIONS, "unicode-cldr-core"),
    ):
        if not needed.exists():
            raise MissingDependency(f"no {str(needed)!r}. Install it: {to_install('demo', debian=[package])}")
    english, names = read_names("en"), read_names(language)
    pictures = []
    for characters, category, listed_name in _listed():
        key = characters.replace("\ufe0f", "")
        name = english.get(key, listed_name)
        code = "-".join(f"{ord(c):x}" for c in key)
        path = folder / f"{code}.png"
        if not path.is_file():
            draw(characters, path)
        captions = {"en": Text(name, "en", "native")}
        if language != "en" and key in names:
            captions[language] = Text(names[key], language, "native")
        pictures.append(Picture(f"emoji/{code}", "emoji", category, concept(name), path, captions))
    return pictures
