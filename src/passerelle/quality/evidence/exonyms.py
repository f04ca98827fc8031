"""What names of places, languages, months and days are called in other languages, by CLDR as Debian installs it."""

from __future__ import annotations

import functools
import tomllib
import unicodedata
import xml.etree.ElementTree as ElementTree
from importlib import resources
from pathlib import Path

from passerelle.quality.checks.direction import Direction
from passerelle.quality.evidence.derived import derived
from passerelle.runs import content_hash

CLDR = Path("/usr/share/unicode/cldr/common")
_VERSION = 1

_NAMED = {
    "territory": "localeDisplayNames/territories/territory",
    "language": "localeDisplayNames/languages/language",
    "script": "localeDisplayNames/scripts/script",
    "month": "dates/calendars/calendar[@type='gregorian']/months/monthContext/monthWidth[@type='wide']/month",
    "day": "dates/calendars/calendar[@type='gregorian']/days/dayContext/dayWidth[@type='wide']/day",
}


@functools.lru_cache(maxsize=16)
def find_exonyms(direction: Direction) -> dict[str, frozenset[str]]:
    """Return what names of the source language are called in the target language.

    Args:
        direction: The two languages.

    Returns:
        For each word of a name, without accents and in lower case, the words of its translations, written alike;
        without CLDR only those of ``data/exonyms.toml``.
    """
    text = resources.files("passerelle.data").joinpath("exonyms.toml").read_text(encoding="utf-8")
    files = [CLDR / kind / f"{code}.xml" for kind in ("main", "subdivisions") for code in _files_of(direction)]
    table = derived(f"exonyms-{direction}", files, lambda: _table(direction), _VERSION, content_hash(text))
    return {word: frozenset(words) for word, words in table.items()}


def _table(direction: Direction) -> dict[str, list[str]]:
    before, after = _names(direction.source), _names(direction.target)
    found: dict[str, set[str]] = {}
    for key in before.keys() & after.keys():
        _add(found, before[key], after[key])
    for source, target in _own(direction).items():
        found.setdefault(bare(source), set()).update(name_words(target))
    return {word: sorted(words) for word, words in found.items()}


def _files_of(direction: Direction) -> list[str]:
    return [code.replace("-", "_") for code in dict.fromkeys((direction.source, direction.target, "fr"))]


def exonyms_signature(direction: Direction) -> str:
    """Return what the table depends on."""
    table = find_exonyms(direction)
    return f"exonyms {content_hash(sorted((word, sorted(words)) for word, words in table.items()))[:12]}"


def bare(word: str) -> str:
    """Write a word without accents and ligatures, in lower case."""
    split = unicodedata.normalize("NFD", word.lower().replace("œ", "oe").replace("æ", "ae"))
    return "".join(letter for letter in split if not unicodedata.combining(letter))


def name_words(name: str) -> list[str]:
    """Cut a name into its bare words of three letters or more."""
    letters = "".join(letter if letter.isalnum() else " " for letter in bare(name))
    return [word for word in letters.split() if len(word) > 2]


def _add(found: dict[str, set[str]], source: str, target: str) -> None:
    for word in name_words(source):
        found.setdefault(word, set()).update(name_words(target))


def _names(language: str) -> dict[str, str]:
    """CLDR's names by what they name; cities and parts of countries too."""
    code = language.replace("-", "_")
    named: dict[str, str] = {}
    path = CLDR / "main" / f"{code}.xml"
    if path.is_file():
        root = ElementTree.parse(path).getroot()  # noqa: S314 - a file of the system's own
        for kind, where in _NAMED.items():
            # A name may have a short form beside it: "US" is the alternative of "United States".
            nodes = (node for node in root.findall(where) if node.text)
            named |= {f"{kind} {node.get('type')} {node.get('alt')}": node.text or "" for node in nodes}
        for zone in root.findall("dates/timeZoneNames/zone"):
            name = zone.get("type", "")
            if city := zone.findtext("exemplarCity"):
                named[f"city {name}"] = city
            elif language == "en":
                named[f"city {name}"] = name.rpartition("/")[2].replace("_", " ")
        if language == "en":
            named |= _zones_named_by_their_code(named)
    path = CLDR / "subdivisions" / f"{code}.xml"
    if path.is_file():
        nodes = ElementTree.parse(path).getroot().iter("subdivision")  # noqa: S314
        named |= {f"part {node.get('type')}": node.text for node in nodes if node.text}
    return named


def _zones_named_by_their_code(named: dict[str, str]) -> dict[str, str]:
    """English leaves a city out whose name is the zone's own: ``Europe/London``. French has them all."""
    path = CLDR / "main" / "fr.xml"
    if not path.is_file():
        return {}
    zones = ElementTree.parse(path).getroot().findall("dates/timeZoneNames/zone")  # noqa: S314
    names = (zone.get("type", "") for zone in zones)
    return {f"city {name}": name.rpartition("/")[2].replace("_", " ") for name in names if f"city {name}" not in named}


def _own(direction: Direction) -> dict[str, str]:
    text = resources.files("passerelle.data").joinpath("exonyms.toml").read_text(encoding="utf-8")
    table: dict[str, dict[str, str]] = tomllib.loads(text)
    return table.get(str(direction), {})
