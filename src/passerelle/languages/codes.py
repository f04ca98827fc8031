"""Language codes: one record for all the ways in which people and engines name a language."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from passerelle.errors import ConfigError

if TYPE_CHECKING:
    import langcodes

# Valid ISO 639 codes that name no language: undetermined, several, uncoded, no linguistic content.
_NO_LANGUAGE = {"und", "mul", "mis", "zxx"}


@dataclass(frozen=True)
class Language:
    """A language.

    Attributes:
        bcp47: Shortest BCP-47 code, for example ``fr``; with a script only where it isn't the usual one
            (``zh-Hant``).
        iso639_3: Three-letter code, for example ``fra``; Apertium, NLLB and others use it.
        name: English name, for example ``French``.
    """

    bcp47: str
    iso639_3: str
    name: str


@lru_cache(maxsize=1024)
def language(code: str) -> Language:
    """Find the language that a code or a name stands for.

    Args:
        code: ``fr``, ``fra``, ``fre``, ``fr-CA``, ``fra_Latn``, ``French`` or ``français``. The country is
            left out.

    Returns:
        The language's record.

    Raises:
        ConfigError: No such language; the message names the nearest ones.
    """
    if (usual := _usual().get(code)) is not None:
        return usual
    found = _by_code(code.strip()) or _by_name(code.strip())
    if found is None:
        raise ConfigError(_unknown_language(code))
    return _record(found)


def regional(code: str) -> str:
    """Return a language's BCP-47 code with its country where that isn't the usual one: ``fr-FR`` is ``fr``.

    Args:
        code: As in `language`.

    Raises:
        ConfigError: No such language.
    """
    plain = language(code).bcp47
    found = _by_code(code.strip().replace("_", "-")) if len(code.strip()) > 3 else None
    if found is None or not found.territory or not found.territory.isalpha():
        return plain
    import langcodes

    usual = langcodes.Language.get(plain).maximize().territory
    return plain if found.territory == usual else f"{plain}-{found.territory}"


def same_language(first: str, second: str) -> bool:
    """Whether two codes or names stand for one language.

    Raises:
        ConfigError: One of them is unknown.
    """
    return language(first) == language(second)


@cache
def _usual() -> dict[str, Language]:
    """Languages by their codes of two and of three letters, without langcodes, which is slow to load."""
    table = tomllib.loads(files("passerelle.data").joinpath("language_codes.toml").read_text(encoding="utf-8"))
    found = [Language(code, entry["iso639_3"], entry["name"]) for code, entry in table.items()]
    return {**{each.iso639_3: each for each in found}, **{each.bcp47: each for each in found}}


def _by_code(code: str) -> langcodes.Language | None:
    import langcodes
    from langcodes.tag_parser import LanguageTagError

    try:
        found = langcodes.Language.get(code)
    except LanguageTagError:
        return None
    named = found.language is not None and found.language not in _NO_LANGUAGE
    return found if named and found.is_valid() and not found.language_name().startswith("Unknown") else None


def _by_name(name: str) -> langcodes.Language | None:
    import langcodes

    try:
        return langcodes.find(name) if name else None
    except LookupError:
        return None


def _record(found: langcodes.Language) -> Language:
    import langcodes

    plain = langcodes.Language.make(language=found.language, script=found.script).simplify_script()
    return Language(plain.to_tag(), plain.to_alpha3(), plain.display_name())


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """English name by two-letter code, of all languages that have one."""
    import langcodes
    from langcodes.data_dicts import LANGUAGE_ALPHA3

    names = {code: langcodes.Language.get(code).display_name() for code in LANGUAGE_ALPHA3}
    return {code: name for code, name in names.items() if not name.startswith("Unknown")}


def _unknown_language(code: str) -> str:
    spellings = {name.lower(): f"{name!r} ({short})" for short, name in _names().items()}
    near = difflib.get_close_matches(code.strip().lower(), spellings, n=3, cutoff=0.6)
    hint = f" Did you mean {' or '.join(spellings[name] for name in near)}?" if near else ""
    return (
        f"unknown language {code!r}.{hint} Give an ISO 639 or BCP-47 code such as 'fr', 'fra' or 'fr-CA', "
        "or an English name such as 'French'."
    )
