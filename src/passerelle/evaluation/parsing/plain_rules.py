"""The benchmarks' plain rules where ours read nothing, and why an answer is left unread.

No reading may be worse than the plain one: what MMBench's rule finds by a letter, MME's by a yes or no at the
beginning, or VQA's in English is taken where nothing in the answer speaks against it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from passerelle.evaluation.parsing.markup import without_markup
from passerelle.evaluation.parsing.published import LETTERS, Said, mmbench_option, mme_said, vqa_words
from passerelle.evaluation.parsing.spoken import with_english
from passerelle.evaluation.parsing.text import composed, plain
from passerelle.evaluation.parsing.words import ENGLISH, Words, is_read

Why = Literal["empty", "refusal", "both", "none of the options", "denied or supposed", "a word", "nothing said"]
"""Why an answer is unread: it is empty, answers nothing, says yes and no or several letters, that no option fits, only
what the answer isn't or might be, a letter that is a word of its language, or nothing that is known."""

_YES_OR_NO = re.compile(r"\W*(?:yes|no)\W*(?:[.,!;:\n]|$)|\W*[yn]\W*$", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d[\d.,:]*")
_ALONE = r"(?<![A-Za-z\u00c0-\u024f]){}(?![A-Za-z\u00c0-\u024f])"


def plain_yes_or_no(answer: str, language: str) -> Said | None:
    """Read a yes or no by MME's rule, where it is an English word, or one that is the same, and not a statement's."""
    text = composed(without_markup(answer))
    if _YES_OR_NO.match(text) is None or why_unread(answer, language) not in ("nothing said", "a word"):
        return None
    return mme_said(re.sub(r"\A\W+", "", text))


def plain_option(answer: str, options: Sequence[str], language: str) -> int | None:
    """Read an option by the letter that MMBench's rule finds, where it is no word and neither denied nor supposed."""
    place = _letter(composed(without_markup(answer)), options)
    return place if why_unread(answer, language, options) == "nothing said" else None


def plain_same(answer: str, reference: str, language: str) -> bool:
    """Whether an English answer is the same as a reference by VQA's rule, and has the same numbers with their signs."""
    if language != ENGLISH:
        return False
    said, right = (composed(without_markup(text)) for text in (answer, reference))
    return vqa_words(said) == vqa_words(right) != "" and _NUMBER.findall(said) == _NUMBER.findall(right)


def why_unread(answer: str, language: str, options: Sequence[str] = ()) -> Why:
    """Say why an answer that the rules of its language leave unread can't be taken by the plain ones either.

    Args:
        answer: What was said.
        language: The language asked for.
        options: The options, where one is to be named.
    """
    text = composed(without_markup(answer))
    own = with_english(language if is_read(language) else ENGLISH)
    if not re.search(r"\w", text):
        return "empty"
    low = plain(text)
    if any(words.refusal.search(low) for words in own):
        return "refusal"
    if not options:
        return "both" if any(words.both.search(low) for words in own) else "nothing said"
    if any(words.none_of.search(low) for words in own):
        return "none of the options"
    place = _letter(text, options)
    named = {letter for letter in LETTERS[: len(options)] if re.search(_ALONE.format(letter), text)}
    if len(named) > 1:
        return "both"
    return "nothing said" if place is None else _why_not(text, LETTERS[place], own)


def _letter(text: str, options: Sequence[str]) -> int | None:
    """Return the option whose letter MMBench's rule finds; the texts of options, by which it goes next, don't count."""
    return mmbench_option(text, [f"\0{place}" if option else "" for place, option in enumerate(options)])


def _why_not(text: str, letter: str, own: Sequence[Words]) -> Why:
    if any(letter.lower() in words.reading.letters or letter in words.reading.letters for words in own):
        return "a word"
    if any(words.conditional.search(text.lower()) for words in own):
        return "denied or supposed"
    for match in re.finditer(_ALONE.format(letter), text):
        before, after = text[: match.start()].lower(), text[match.end() :].lower()
        if any(words.is_denied(before, after) for words in own):
            return "denied or supposed"
    return "nothing said"
