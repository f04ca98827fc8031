"""Yes and no are looked up, never asked of an engine, which may take "No." for a number's mark.

So is a bare reply, a reply's sentence of its own ("No. It is small."), and what begins one ("No, it is small.").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from passerelle.languages.prompts import find_prompts

_REPLY = re.compile(r"(\s*)([^\W\d_]+)([.!]?\s*)")
_BEGINNING = re.compile(r"([^\W\d_]+)(,|\s[-–—])\s+(?=\S)")


def read_lexicon(source: str, target: str) -> dict[str, str]:
    """Return the words for yes and no by those of the source language, in lower case.

    Args:
        source: BCP-47 code of the source language.
        target: BCP-47 code of the target language.

    Returns:
        For example ``{"yes": "oui", "no": "non"}``; empty where one of the languages has no prompts.
    """
    known, wanted = find_prompts(source), find_prompts(target)
    if known is None or wanted is None:
        return {}
    return {known.yes.lower(): wanted.yes.lower(), known.no.lower(): wanted.no.lower()}


def look_up(reply: str, lexicon: Mapping[str, str]) -> str | None:
    """Translate a reply that is one word of the lexicon; case, full stop and blanks stay.

    Returns:
        The translation, or ``None`` if it is no such reply.
    """
    match = _REPLY.fullmatch(reply) if len(reply) < 100 else None
    if match is None:
        return None
    before, word, after = match.groups()
    translation = _word(word, lexicon)
    return None if translation is None else f"{before}{translation}{after}"


def look_up_beginning(sentence: str, lexicon: Mapping[str, str]) -> tuple[str, str] | None:
    """Translate the yes or no that begins a sentence, before a comma or a dash.

    Returns:
        Its translation with what follows it up to the next word, and the rest of the sentence; ``None`` if none does.
    """
    match = _BEGINNING.match(sentence)
    translation = None if match is None else _word(match[1], lexicon)
    if match is None or translation is None:
        return None
    return translation + sentence[match.end(1) : match.end()], sentence[match.end() :]


def _word(word: str, lexicon: Mapping[str, str]) -> str | None:
    translation = lexicon.get(word.lower())
    if translation is None:
        return None
    if len(word) > 1 and word.isupper():
        return translation.upper()
    return translation[:1].upper() + translation[1:] if word[0].isupper() else translation
