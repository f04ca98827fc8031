"""Options said by their text: found in an answer whatever article, accents or case they are said with."""

from __future__ import annotations

import re
from collections.abc import Sequence

from passerelle.evaluation.parsing.open_words import words_in
from passerelle.evaluation.parsing.published import LETTERS
from passerelle.evaluation.parsing.text import alike, folded
from passerelle.evaluation.parsing.words import Words

_TOKEN = re.compile(r"[^\W_]+")
_SHORTEST_STEM = 4


def with_letters(sentence: str, options: Sequence[str], words: Words) -> str:
    """Write a sentence in lower case with each option's text replaced by its capital letter.

    Args:
        sentence: A sentence of an answer.
        options: The options.
        words: The words of their language: its articles don't count.

    Returns:
        The sentence; forms of an option ("chairs" for "chair") stand for it where it isn't there as it is written.
    """
    low = sentence.lower()
    tokens = list(_TOKEN.finditer(low))
    wanted = [_pieces(option, words) for option in options[: len(LETTERS)]]
    spans = _found(tokens, wanted, None)
    written = {option for *_, option in spans}
    spans = _found(tokens, [[] if place in written else pieces for place, pieces in enumerate(wanted)], spans)
    for start, end, option in sorted(spans, reverse=True):
        low = f"{low[:start]}{LETTERS[option]}{low[end:]}"
    return low


def _pieces(option: str, words: Words) -> list[str]:
    pieces = words_in(option)
    left_out = {*words.open.articles, *words.open.elisions}
    while len(pieces) > 1 and pieces[0] in left_out:
        del pieces[0]
    return pieces


def _found(
    tokens: Sequence[re.Match[str]], wanted: Sequence[Sequence[str]], before: list[tuple[int, int, int]] | None
) -> list[tuple[int, int, int]]:
    """Return where options stand, the longest first; no two overlap."""
    found = list(before or ())
    inflected = before is not None
    for option in sorted(range(len(wanted)), key=lambda place: -len(wanted[place])):
        pieces = wanted[option]
        for place in range(len(tokens) - len(pieces) + 1 if pieces else 0):
            group = tokens[place : place + len(pieces)]
            start, end = group[0].start(), group[-1].end()
            if any(start < other_end and other_start < end for other_start, other_end, _ in found):
                continue
            if all(_is_same(token[0], piece, inflected) for token, piece in zip(group, pieces, strict=True)):
                found.append((start, end, option))
    return found


def _is_same(said: str, piece: str, inflected: bool) -> bool:
    first, second = folded(said), folded(piece)
    return first == second or (inflected and min(len(first), len(second)) >= _SHORTEST_STEM and alike(said, piece))
