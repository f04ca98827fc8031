"""Texts as answers are compared: in lower case, composed, with plain marks."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from os.path import commonprefix

QUOTES = "\"'«»“”„‘’`*_ \t\n"
_UNWRITTEN = re.compile(
    "[\u0591-\u05bd\u05bf\u05c1-\u05c5\u05c7\u0640\u064b-\u0652\u0670\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
"""Vowel points and stretching of Arabic and Hebrew, and what only steers the direction."""
_WIDE_THOUSANDS = re.compile(r"(?<=\d)，(?=\d{3})")
_DIGIT = re.compile(r"(?![0-9])\d")
VOWELS = "".join(c for c in map(chr, range(0x900, 0x10A0)) if unicodedata.category(c) in ("Mn", "Mc"))
"""Vowels and marks of the scripts from Devanagari to Burmese, which belong to words and are no letters to `re`."""
_STRUCK = re.compile(r"~~[^~\n]*~~")
_HTML = re.compile(r"</?[a-z]+>")
_MARKS = str.maketrans(
    {chr(wide): chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F)}
    | dict.fromkeys("’ʼ‘´׳", "'")
    | dict.fromkeys("「」『』《》〈〉【】״", '"')
    | {"−": "-", "‑": "-", "־": "-", "\u00a0": " ", "\u202f": " ", "\u3000": " ", "İ": "I"}
    | {
        "，": ", ",
        "；": "; ",
        "！": "! ",
        "、": ", ",
        "。": ". ",
        "،": ",",
        "؛": ";",
        "؟": "?",
        "।": ".",
        "॥": ".",
        "٪": "%",
        "٫": ".",
        "٬": ",",
    }
)
_LETTER_SIGNS = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u24b6-\u24e9\U0001d400-\U0001d7ff]")
_BOXED_LETTERS = re.compile("[\U0001f110-\U0001f129\U0001f130-\U0001f149\U0001f150-\U0001f169\U0001f170-\U0001f189]")
_JSON = re.compile(r'\{\s*"[^"]{1,30}"\s*:\s*"?([^"{}]*?)"?\s*\}')
_APART = re.compile(r"(?<!\d)\.|\.(?!\d)|(?<!\d),|,(?!\d)|[!;:()\[\]…\n。！；：，、،؛।]|\s[–—-]+\s|(?<=[?？؟])")


def composed(text: str) -> str:
    """Return a text composed (NFC), marks and digits plain, without vowel points and what is struck out.

    Letters and digits that are full width, in circles or mathematical become plain ones.
    """
    text = _WIDE_THOUSANDS.sub(",", _UNWRITTEN.sub("", unicodedata.normalize("NFC", text))).translate(_MARKS)
    text = _DIGIT.sub(lambda match: str(unicodedata.decimal(match[0])), text)
    text = _LETTER_SIGNS.sub(lambda m: unicodedata.normalize("NFKC", m[0]), text)
    text = _BOXED_LETTERS.sub(lambda m: chr(ord("A") + (ord(m[0]) - 0x1F110) % 32), text)
    if (found := _JSON.fullmatch(text.strip().strip("`").removeprefix("json").strip())) is not None:
        text = found[1]
    return _HTML.sub(" ", _STRUCK.sub(" ", text.replace("· ", "; ")))


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


@lru_cache(maxsize=1 << 16)
def alike(first: str, second: str) -> bool:
    """Whether two words in lower case are forms of one, by their beginnings: ``chair`` and ``chairs``."""
    if first == second:
        return True
    return _begin_alike(folded(first), folded(second)) or _begin_alike(_single(first), _single(second))


def _single(word: str) -> str:
    """Return a word with its doubled letters single, which a plural may double or not: ``boot`` and ``boten``."""
    return re.sub(r"([^\W\d_])\1", r"\1", folded(word))


def _begin_alike(first: str, second: str) -> bool:
    short, long = sorted((first, second), key=len)
    if len(short) < 3 or len(long) - len(short) > 5:
        return short == long
    same = len(commonprefix([short, long]))
    return same >= max(3, (0.75 if len(short) < 6 else 0.65) * len(short)) and same >= 0.5 * len(long)


def clauses(text: str) -> list[str]:
    """Cut a text in lower case at its marks; a question keeps its mark."""
    return [part for raw in _APART.split(text) if (part := raw.strip(QUOTES + "-"))]
