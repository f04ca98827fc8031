"""How VLMEvalKit reads answers in its mode `exact_matching`, where no model is asked about what rules can't read.

Version and words are in `data/peer_rules.toml`. VQAv2 isn't among its data sets: the rule here is the one that it uses
wherever a data set has none of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from passerelle.evaluation.parsing import published
from passerelle.evaluation.parsing.peers import VLMEVALKIT, peer
from passerelle.evaluation.parsing.published import LETTERS, Said

_NONE_OF_THEM = "Z"
_API_FAILED = "Failed to obtain answer via API"
_MARKS = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_LAST_WORDS = 4
"""A letter counts among so many last words."""
_ANSWER_IS = re.compile(r"answer\s+is\s+\**([ABCD])", re.IGNORECASE)
"""What follows may be a word's first letter: "the answer is blue" is B."""
_OTHER_ANSWERS = "Other Answers"
_COMMA = re.compile(r"\d,\d")
_PERIOD = re.compile(r"(?<!\d)\.(?!\d)")


def option(answer: str, options: Sequence[str]) -> int | None:
    """Find the option by `can_infer`: a letter among the last words, ``answer is A``, then an option's text."""
    letter = _letter(answer, {letter: text for letter, text in zip(LETTERS, options, strict=False) if text})
    return published.within(LETTERS.find(letter), options) if letter else None


def _letter(answer: str, options: dict[str, str]) -> str:
    """Return the letter of the option that an answer names, Z where it says that it is none; empty if unread."""
    return _by_letter(answer, options) or _by_text(answer, options)


def _by_letter(answer: str, options: dict[str, str]) -> str:
    if _API_FAILED in answer:
        return ""
    if any(refusal in answer for refusal in peer(VLMEVALKIT)["refusals"]):
        return _NONE_OF_THEM
    words = answer.translate(_MARKS).split()
    found = [letter for letter in options if letter in words]
    if len(found) == 1 and words.index(found[0]) >= len(words) - _LAST_WORDS:
        return found[0]
    if not found and _NONE_OF_THEM in words:
        return _NONE_OF_THEM
    match = _ANSWER_IS.search(answer)
    return match[1].upper() if match and match[1].upper() in options else ""


def _by_text(answer: str, options: dict[str, str]) -> str:
    lower = answer.lower()
    if len(lower) > 2 * sum(map(len, options.values())):
        return ""
    held = [letter for letter, text in options.items() if text.lower() in lower]
    return held[0] if len(held) == 1 else ""


def mmmu_open(answer: str, references: Sequence[str]) -> bool:
    """Judge an open answer as a choice between the right one and ``Other Answers``, as it makes of MMMU's.

    Several right answers are one option, written as its data write a list.
    """
    right = references[0] if len(references) == 1 else str(list(references))
    letter = _letter(answer, {"A": right, "B": _OTHER_ANSWERS})
    return letter == (right if len(right) == 1 and right in LETTERS else "A")


def said(answer: str) -> Said | None:
    """Read yes or no by `YOrN_Extraction`: the one of the two words that stands anywhere in the answer."""
    words = vqa_marks(answer.lower()).split()
    if ("yes" in words) == ("no" in words):
        return None
    return "yes" if "yes" in words else "no"


def vqa_marks(text: str) -> str:
    """Take punctuation away as its `process_punctuation`; a point before or behind a digit stays."""
    return published.without_marks(text, _COMMA, _PERIOD)


def vqa_words(text: str) -> str:
    """Normalise an answer as its `process_answer`: punctuation, articles, number words and contractions."""
    return published.plain_words(vqa_marks(published.one_line(text)))


def gqa_words(text: str) -> str:
    """Normalise an answer as it does for GQA: case and blanks around away."""
    return text.strip().lower()
