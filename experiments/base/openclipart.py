"""Open Clip Art with its English titles (Debian `openclipart-png`); used to train the embedded base only."""

from __future__ import annotations

import re
from pathlib import Path

from passerelle.errors import MissingDependency
from passerelle.example.concepts import concept, words
from passerelle.records import Picture, Text

FOLDER = Path("/usr/share/openclipart/png")
LEFT_OUT = (
    "shapes/", "buttons/", "special/", "signs_and_symbols/flags", "computer/icons", "computer/buttons",
    "recreation/games/cards", "unsorted/duplicates", "decorations/", "logos/", "transportation/roadsigns",
    "computer/diagrams", "computer/folders",
)  # fmt: skip
"""Folders of patterns, or of pictures that share one title."""
MAX_SAME_TITLE = 6
_NOISE = re.compile(
    r"\(.*?\)|\bclip ?art( by .*)?\b|\b[bB] ?(and|&|/) ?[wW]\b|\bpart of .*|\b(black and white|line ?art|icon|simple|"
    r"cartoon|outline|silhouette|drawing|clean|remix|sketch|glossy|monochrome|colou?r(ed)?)\b|[#_]|\d+$",
    re.IGNORECASE,
)
_ITALIAN = re.compile(r"\b(di|da|con|della|delle|dello|del|una?|le|il|la|et?|de|des)\b|[àèìòùé]", re.IGNORECASE)


def clean_title(title: str) -> str | None:
    """Return a title fit to be a caption, or ``None`` for one that says nothing or isn't English."""
    text = _NOISE.sub(" ", title.replace("-", " ") if " " not in title else title)
    text = " ".join(text.split()).strip(" .,;:!-'\"")
    found = words(text)
    if not 1 <= len(found) <= 6 or len(text) < 3 or not text.isascii() or _ITALIAN.search(text):
        return None
    if any(character.isdigit() for character in text) or sum(map(len, found)) < 3:
        return None
    return text.lower() if text.istitle() or text.isupper() else text


def read_pictures(folder: Path = FOLDER) -> list[Picture]:
    """Return the clip art that has a usable English title.

    Raises:
        MissingDependency: The clip art isn't installed.
    """
    from PIL import Image

    if not folder.is_dir():
        raise MissingDependency(f"no clip art in {str(folder)!r}. Install it: sudo apt-get install openclipart-png")
    pictures: list[Picture] = []
    seen: dict[tuple[str, str], int] = {}
    for path in sorted(folder.rglob("*.png")):
        relative = path.relative_to(folder)
        if relative.as_posix().startswith(LEFT_OUT):
            continue
        try:
            with Image.open(path) as image:
                title = clean_title(str(image.info.get("Title", "")))
                author = str(image.info.get("Author", ""))
        except Image.DecompressionBombError:
            continue
        if title is None or title.lower() in author.lower() or author.startswith("Architetto"):
            continue
        seen[title, author] = seen.get((title, author), 0) + 1
        if seen[title, author] > MAX_SAME_TITLE:
            continue
        caption = {"en": Text(title, "en", "native")}
        name = relative.with_suffix("").as_posix()
        pictures.append(
            Picture(f"openclipart/{name}", "openclipart", relative.parent.as_posix(), concept(title), path, caption)
        )
    return pictures
