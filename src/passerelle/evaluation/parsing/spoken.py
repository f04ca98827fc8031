"""The languages that an answer may be in, and where their words cut it into statements."""

from __future__ import annotations

from collections.abc import Sequence

from passerelle.evaluation.parsing.open_words import words_in
from passerelle.evaluation.parsing.text import QUOTES
from passerelle.evaluation.parsing.words import ENGLISH, Words, is_read, words_of_language


def with_english(language: str) -> list[Words]:
    """Return the words of a language and of English, in which many models answer whatever they are asked in."""
    return [words_of_language(code) for code in dict.fromkeys((language, ENGLISH))]


def answered_in(text: str, language: str) -> list[Words]:
    """Return the words of the languages that an answer may be in.

    Args:
        text: The answer.
        language: The language asked for. Where nothing is known of how answers are read in it, English counts alone.

    Returns:
        The language's and English's; the language's alone where more of the answer's words are its own: "no" is "in
        the" in Portuguese.
    """
    both = with_english(language if is_read(language) else ENGLISH)
    if len(both) == 1:
        return both
    own, english = (words.vocabulary for words in both)
    said = words_in(text)
    theirs = sum(word in english and word not in own for word in said)
    return both if sum(word in own and word not in english for word in said) <= theirs else both[:1]


def cut_at(clause: str, own: Sequence[Words]) -> list[str]:
    """Cut a clause where it goes over into another without a mark, by the words of several languages."""
    found = ((words, match) for words in own for match in words.cuts.finditer(clause))
    cuts = sorted({words.cut_place(match) for words, match in found if clause[match.end() :].strip(QUOTES)} - {0})
    pieces = [clause[a:b].strip(QUOTES) for a, b in zip([0, *cuts], [*cuts, len(clause)], strict=True)]
    joined: list[str] = []
    for piece in filter(None, pieces):
        if joined and any(words.cuts.fullmatch(joined[-1]) for words in own):
            joined[-1] += f" {piece}"
        else:
            joined.append(piece)
    return joined
