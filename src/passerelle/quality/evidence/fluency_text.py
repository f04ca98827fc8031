"""The text that a language's character model is trained on: what this machine has of the language."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from passerelle.example import emoji, splits, tuxpaint
from passerelle.example.concepts import concept
from passerelle.languages.knowledge import known
from passerelle.quality.evidence import wordlists
from passerelle.quality.evidence.wordlists import find_word_list

FOLDS = 5
"""Parts of the running text. A translation is scored by the model that hasn't read the part of its concept, so that
no caption is judged by a model that has read what people wrote for it."""

FEWEST = 100
"""Fewer running texts than this teach no language."""

_HELD_OUT = ("development", "test")


@dataclass(frozen=True)
class TrainingText:
    """What a model learns a language from.

    Attributes:
        words: Its word list.
        folds: Running text, in `FOLDS` parts by concept.
    """

    words: tuple[str, ...]
    folds: tuple[tuple[str, ...], ...]


def fold(source: str) -> int:
    """Return the part that texts of a concept are in.

    Args:
        source: The English text.
    """
    return zlib.crc32(concept(source).encode()) % FOLDS


def read_training_text(language: str) -> TrainingText | None:
    """Read Tux Paint's captions of the train side, CLDR's names of emoji that aren't held out, and the word list.

    Returns:
        ``None`` where there is too little running text.
    """
    parts: dict[int, set[str]] = defaultdict(set)
    for english, text in [*_captions(language), *_annotations(language)]:
        if text != english:
            parts[fold(english)].add(text)
    if sum(map(len, parts.values())) < FEWEST:
        return None
    words = find_word_list(language)
    return TrainingText(
        tuple(sorted(words.words)) if words else (),
        tuple(tuple(sorted(parts[number])) for number in range(FOLDS)),
    )


def training_files(language: str) -> list[Path]:
    """Return the files that `read_training_text` reads, those that ship with Passerelle left out."""
    entry = known(language).word_list
    lists = [] if entry is None else [wordlists.FOLDER / entry.file]
    return [*sorted(tuxpaint.FOLDER.rglob("*.txt")), *map(_annotation_file, (language, "en")), *lists]


def _annotation_file(language: str) -> Path:
    return emoji.ANNOTATIONS / f"{language.replace('-', '_')}.xml"


def _captions(language: str) -> list[tuple[str, str]]:
    """English captions and their translations, of the train side."""
    sides = splits.stored()
    found = []
    for path in sorted(tuxpaint.FOLDER.rglob("*.txt")):
        name = path.relative_to(tuxpaint.FOLDER).with_suffix("").as_posix()
        if sides.get(f"stamps/{name}") == "train":
            captions = tuxpaint.read_captions(path)
            if "en" in captions and language in captions:
                found.append((captions["en"], captions[language]))
    return found


def _annotations(language: str) -> list[tuple[str, str]]:
    """English names of emoji with the other language's names and keywords; those held out by the split are left out."""
    path = _annotation_file(language)
    if not path.is_file():
        return []
    sides, english = splits.stored(), emoji.read_names("en")
    found = []
    for node in ElementTree.parse(path).iter("annotation"):  # noqa: S314 - a file of the system's own
        key = (node.get("cp") or "").replace("\ufe0f", "")
        side = sides.get("emoji/" + "-".join(f"{ord(character):x}" for character in key))
        if side not in _HELD_OUT and key in english and node.text:
            found += [(english[key], part.strip()) for part in node.text.split("|")]
    return found
