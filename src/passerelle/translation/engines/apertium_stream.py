"""Apertium's stream format: one numbered and null-terminated segment for each line of a text.

Apertium's programs read words, and *superblanks* ``[...]`` that they carry along untouched. The marks below
follow https://wiki.apertium.org/wiki/Apertium_stream_format. Three facts were found by trying Apertium 3.8.3:

- The perceptron tagger swallows a null that follows a word directly, and so merges two texts; a superblank
  before the null prevents it. Ours holds the segment's number, which the reply must repeat.
- A sentence mark at the end gives the taggers a whole sentence and keeps final abbreviations apart from the
  text's own full stop (``apertium-destxt`` adds one as well). It is taken off the reply.
- The noncharacter U+FFFF ends the input, and ``~`` is an internal mark that vanishes.
"""

from __future__ import annotations

import re

_NONCHARACTERS = "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000))
# Controls (newline and tab among them), line and paragraph separators, surrogates, noncharacters; and what
# can't be a word, such as base64: an unknown word costs Apertium the square of its length
# (100,000 letters: 50 s).
_BREAK = re.compile(rf"([\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef{_NONCHARACTERS}]+|\S{{1000,}})")
_SPECIAL = re.compile(r"([\[\]^$/\\<>{}@])|( {2,}|~+)")
_MARKED = re.compile(r"\\(.)|\[([^\[\]]*)\]", re.DOTALL)
_NUMBERED = re.compile(r"(.*)\[(\d+)\]", re.DOTALL)


def split_lines(text: str) -> list[str]:
    """Cut a text at newlines, tabs and all that Apertium can't carry.

    Returns:
        Parts that give the text when joined; every second one, from the second on, is a separator.
    """
    return _BREAK.split(text)


def needs_engine(part: str) -> bool:
    """Whether a part holds something to translate: at least one letter."""
    return any(character.isalpha() for character in part)


def encode_segment(part: str, number: int) -> bytes:
    """Write one part as a segment of the stream, the closing null included."""
    escaped = _SPECIAL.sub(lambda match: f"\\{match[1]}" if match[1] else f"[{match[2]}]", part)
    return f"{escaped}.[{number}]\0".encode()


def decode_segment(reply: bytes, number: int) -> str | None:
    """Read the reply to a segment, without its closing null.

    Returns:
        The translation, or ``None`` if the reply doesn't belong to segment `number`.
    """
    numbered = _NUMBERED.fullmatch(reply.decode("utf-8", "replace"))
    if numbered is None or int(numbered[2]) != number:
        return None
    plain = _MARKED.sub(lambda match: match[1] if match[1] is not None else match[2], numbered[1])
    return plain.removesuffix(".")
