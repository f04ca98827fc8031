"""Answer options of one row: translated alike wherever they stand, and different where they were different."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from functools import cached_property

_PUNCTUATION = re.compile(r"(?<!\w)[.,;:!?\"'“”‘’«»()\[\]¿¡]+|[.,;:!?\"'“”‘’«»()\[\]]+(?!\w)")


def option_key(text: str) -> str:
    """Return what tells options apart: no case, blanks or punctuation around words."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_PUNCTUATION.sub(" ", folded).split()) or " ".join(folded.split())


def find_collision(translations: Mapping[str, str]) -> tuple[str, str] | None:
    """Find two options that were different and have become the same.

    Args:
        translations: Translation by option.

    Returns:
        The first such pair of options, or ``None``.
    """
    seen: dict[str, str] = {}
    for option, translation in translations.items():
        other = seen.setdefault(option_key(translation), option)
        if option_key(other) != option_key(option):
            return other, option
    return None


class Options:
    """The translated options of one row, by which its other texts are translated.

    Attributes:
        translations: Translation by option; options that were rejected are left out.
    """

    def __init__(self, translations: Mapping[str, str]) -> None:
        """Take the translation of each option."""
        self.translations = dict(translations)
        self._by_core: dict[str, tuple[str, str]] = {}
        for option, translation in translations.items():
            core, _ = _without_end(option)
            self._by_core.setdefault(core.casefold(), (core, _without_end(translation)[0]))

    @cached_property
    def digest(self) -> bytes:
        """A digest of the options with their translations."""
        return hashlib.blake2b(json.dumps(list(self.translations.items())).encode(), digest_size=16).digest()

    def find(self, text: str) -> str | None:
        """Translate a line that is one of the options, with another mark at its end or another first letter.

        Returns:
            The translation, or ``None`` if it is no option.
        """
        if text in self.translations:
            return self.translations[text]
        core, end = _without_end(text)
        before = core[: len(core) - len(core.lstrip())]
        core = core.lstrip()
        option, translation = self._by_core.get(core.casefold(), ("", ""))
        if not core or not translation:
            return None
        return before + _cased(translation, option, core) + end


def _without_end(text: str) -> tuple[str, str]:
    """Cut blanks and sentence marks off the end."""
    core = text.rstrip(" \t\r\n\u00a0\u202f.,;:!?")
    return core, text[len(core) :]


def _cased(translation: str, option: str, text: str) -> str:
    if option[:1].islower() and text[:1].isupper():
        return translation[:1].upper() + translation[1:]
    if option[:1].isupper() and text[:1].islower() and not translation[:2].isupper():
        return translation[:1].lower() + translation[1:]
    return translation
