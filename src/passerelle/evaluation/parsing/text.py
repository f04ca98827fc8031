"""Texts as answers are compared: in lower case, composed, with plain marks."""

from __future__ import annotations

import re
import unicodedata
from os.path import commonprefix

QUOTES = "\"'«»“”„‘’`*_ \t\n"
_STRUCK = re.compile(r"~~[^~\n]*~~")
_HTML = re.compile(r"</?[a-z]+>")
_MARKS = str.maketrans(
    {"’": "'", "ʼ": "'", "‘": "'", "´": "'", "−": "-", "\u00a0": " ", "\u202f": " ", "‑": "-", "？": "?"}
)
_JSON = re.compile(r'\{\s*"[^"]{1,30}"\s*:\s*"?([^"{}]*?)"?\s*\}')
_APART = re.compile(r"(?<!\d)\.|\.(?!\d)|(?<!\d),|,(?!\d)|[!;:()\[\]…\n。！；：，、،؛।]|\s[–—-]+\s|(?<=[?？؟])")


def composed(text: str) -> str:
    """Return a text composed (NFC), apostrophes straight, blanks and minus signs plain, without what is struck out."""
    text = unicodedata.normalize("NFC", text).translate(_MARKS)
    if (found := _JSON.fullmatch(text.strip().strip("`").removeprefix("json").strip())) is not None:
        text = found[1]
    return _HTML.sub(" ", _STRUCK.sub(" ", text))


def plain(text: str) -> str:
    """Return a text composed, in lower case, blanks single, without quotes around it."""
    return " ".join(composed(text).lower().split()).strip(QUOTES)


def folded(text: str) -> str:
    """Return a text without accents, ligatures written out: ``œuf`` becomes ``oeuf``."""
    marks = unicodedata.normalize("NFD", unligated(text))
    return unicodedata.normalize("NFC", "".join(c for c in marks if not unicodedata.combining(c)))


def unligated(text: str) -> str:
    """Return a text with its ligatures written out."""
    return text.replace("œ", "oe").replace("æ", "ae").replace("ß", "ss").replace("ı", "i")


def alike(first: str, second: str) -> bool:
    """Whether two words in lower case are forms of one, by their beginnings: ``chair`` and ``chairs``."""
    if first == second:
        return True
    short, long = sorted((folded(first), folded(second)), key=len)
    if len(short) < 3 or len(long) - len(short) > 5:
        return short == long
    same = len(commonprefix([short, long]))
    return same >= max(3, (0.75 if len(short) < 6 else 0.65) * len(short)) and same >= 0.5 * len(long)


def clauses(text: str) -> list[str]:
    """Cut a text in lower case at its marks; a question keeps its mark."""
    return [part for raw in _APART.split(text) if (part := raw.strip(QUOTES + "-"))]
