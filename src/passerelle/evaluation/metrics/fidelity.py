"""Language fidelity: the share of captions that are in the language asked for.

Benchmarks of language confusion skip answers of under five words (Marchisio et al., 2406.20052), which is
most captions; this one is made for 1-8 words. Three things count as not in the language: an empty answer, one
that only repeats the prompt, and one that mixes in a word of another language ("un snowflake"). Names,
numbers and words written alike in several languages show no language: they are counted apart and leave the
share alone.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from passerelle.errors import InputError
from passerelle.languages.identify import PIVOT, language_odds, load_lexicon, rivals, words_of

Verdict = Literal["target", "other", "unknowable"]
Reason = Literal["empty", "echo", "language", "mixed", "no evidence"]

ECHO_RATIO = 0.75
"""Similarity by words (difflib) from which an answer repeats the prompt, as with one word of four changed."""

UNSURE = (0.35, 0.60)
"""Between these odds for the target, an answer with no word of any lexicon is unknowable."""

FOREIGN = 0.90
"""Odds for English against the target from which one content word makes an answer mixed."""

FOREIGN_REST = 0.65
"""The same for all words together that the target's lexicon lacks."""

_CONTENT_LETTERS = 4  # shorter words carry too few n-grams to be judged alone


@dataclass(frozen=True)
class Judgement:
    """What was decided about one answer, and why."""

    verdict: Verdict
    reason: Reason


@dataclass(frozen=True)
class Fidelity:
    """Counts over answers, and a share.

    Attributes:
        target: Answers in the language asked for.
        other: Answers in another, echoes and empty ones.
        unknowable: Answers that show no language.
        share: target / (target + other), 0..1; NaN without any.
    """

    target: int
    other: int
    unknowable: int
    share: float


def fidelity(answers: Sequence[str], prompts: Sequence[str], language: str) -> Fidelity:
    """Count how many answers are in the language asked for.

    Args:
        answers: What the model said.
        prompts: What it was asked, one by one, to know echoes.
        language: The language asked for, ISO 639-1.

    Raises:
        InputError: If there isn't one prompt for each answer.
    """
    if len(answers) != len(prompts):
        raise InputError(f"{len(answers)} answers but {len(prompts)} prompts: give one prompt for each answer")
    verdicts = [judge(a, p, language).verdict for a, p in zip(answers, prompts, strict=True)]
    target, other = verdicts.count("target"), verdicts.count("other")
    known = target + other
    return Fidelity(target, other, verdicts.count("unknowable"), target / known if known else float("nan"))


@functools.lru_cache(maxsize=100_000)
def judge(answer: str, prompt: str, language: str) -> Judgement:
    """Say whether one answer is in `language`.

    Args:
        answer: The generated text; an echo of the prompt before the real answer is ignored.
        prompt: The text that the model was shown.
        language: The language asked for, ISO 639-1.
    """
    words = _after_prompt(words_of(answer), words_of(prompt))
    if not words:
        return _without_words(answer)
    if is_echo(words, words_of(prompt)):
        return Judgement("other", "echo")
    evidence = _evidence(words)
    if not evidence:
        return Judgement("unknowable", "no evidence")
    return _by_language(evidence, language)


def is_echo(words: Sequence[str], prompt: Sequence[str]) -> bool:
    """Say whether the words only repeat the prompt: a run of 3 words or half of it, or nearly all."""
    said, asked = [w.lower() for w in words], [w.lower() for w in prompt]
    count = len(said)
    if count < 2 or not asked:
        return False
    if count >= min(3, len(asked) / 2) and any(asked[i : i + count] == said for i in range(len(asked))):
        return True
    return count >= 3 and difflib.SequenceMatcher(None, said, asked, autojunk=False).ratio() >= ECHO_RATIO


def _after_prompt(words: list[str], prompt: Sequence[str]) -> list[str]:
    """Drop repeats of the whole prompt from the front; a lone echo stays, for `is_echo` to name."""
    asked = [w.lower() for w in prompt]
    while asked and len(words) > len(asked) and [w.lower() for w in words[: len(asked)]] == asked:
        words = words[len(asked) :]
    return words


def _without_words(answer: str) -> Judgement:
    digits = any(character.isdigit() for character in answer)
    return Judgement("unknowable", "no evidence") if digits else Judgement("other", "empty")


def _evidence(words: Sequence[str]) -> list[str]:
    """Keep, in lower case, the words that can show a language: no shared words, no names."""
    lexicon = load_lexicon()
    titled = len(words) > 1 and all(word[0].isupper() for word in words)
    listed = {code for words_by_code in (lexicon.function, lexicon.common) for code in words_by_code}
    kept = []
    for place, word in enumerate(words):
        low = word.lower()
        known = any(lexicon.knows(low, code) for code in listed)
        name = word[0].isupper() and (place > 0 or titled) and not known
        if low not in lexicon.shared and not name:
            kept.append(low)
    return kept


def _by_language(evidence: Sequence[str], language: str) -> Judgement:
    lexicon = load_lexicon()
    languages = rivals(language)
    odds = language_odds(evidence, languages)[language]
    listed = any(lexicon.knows(word, code) for word in evidence for code in languages)
    if not listed and UNSURE[0] < odds < UNSURE[1]:
        return Judgement("unknowable", "no evidence")
    if odds < 0.5:
        return Judgement("other", "language")
    if language != PIVOT and _is_mixed(evidence, language):
        return Judgement("other", "mixed")
    return Judgement("target", "language")


def _is_mixed(words: Sequence[str], language: str) -> bool:
    """Say whether words of English stand among those of `language`, one by one or taken together."""
    lexicon = load_lexicon()
    own = [word for word in words if lexicon.knows(word, language)]
    # French "il y a": one letter is a word of English only where a caption's article stands.
    listed = [w for i, w in enumerate(words) if lexicon.knows(w, PIVOT) and w not in own and (i == 0 or len(w) > 1)]
    rest = [word for word in words if word not in own and len(word) >= _CONTENT_LETTERS]
    pair = (language, PIVOT)
    if listed or any(language_odds([word], pair)[PIVOT] >= FOREIGN for word in rest):
        return True
    return bool(rest) and bool(own) and language_odds(rest, pair)[PIVOT] >= FOREIGN_REST
