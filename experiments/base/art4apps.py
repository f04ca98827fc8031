"""Photographs and drawings named by a word (Debian `pysiogame`); used to train the embedded base only."""

from __future__ import annotations

from pathlib import Path

from passerelle.errors import MissingDependency
from passerelle.example.concepts import concept
from passerelle.records import Picture, Text

FOLDER = Path("/usr/share/games/pysiogame/res/images/art4apps")


def read_pictures(folder: Path = FOLDER) -> list[Picture]:
    """Return the pictures with their file name as caption.

    Raises:
        MissingDependency: The pictures aren't installed.
    """
    if not folder.is_dir():
        raise MissingDependency(f"no pictures in {str(folder)!r}. Install them: sudo apt-get install pysiogame")
    pictures = []
    for path in sorted(folder.rglob("*.jpg")):
        name = path.stem.replace("_", " ").strip().lower()
        category = path.parent.name
        caption = {"en": Text(name, "en", "native")}
        pictures.append(Picture(f"art4apps/{category}/{path.stem}", "art4apps", category, concept(name), path, caption))
    return pictures
