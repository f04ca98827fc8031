"""Which language an answer of any length is in: one word, a sentence, a list, several paragraphs.

`passerelle.evaluation.metrics.fidelity` judges captions; this judges answers to questions, of which most are one to
four words and some are long. How common each word is in each language (wordfreq, Speer 2022) is added up; names,
quotations, letters, numbers and words that are written alike are left out. A long answer is judged line by line and
sentence by sentence, and is in the language only if none of them isn't: the line-level pass rate of the Language
Confusion Benchmark (Marchisio et al., 2406.20052).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from importlib import metadata, resources

from passerelle.errors import MissingDependency, to_install
from passerelle.evaluation.metrics.fidelity import Judgement, is_echo
from passerelle.evaluation.metrics.fidelity import judge as judge_caption
from passerelle.languages.identify import PIVOT, load_lexicon, rivals, words_of
from passerelle.languages.prompts import find_prompts

VERSION = "1"
"""Raised whenever the same answer would be judged differently."""

CLEAR = 0.5
"""Difference of Zipf frequencies, in powers of ten, from which a single word shows its language."""

CLEAR_NAME = 1.5
"""The same for a word with a capital, which may be a name."""

FOREIGN = 1.2
"""The same from which one English word among others makes an answer mixed."""

FOREIGN_LISTED = 0.5
"""The same for a word of the English lexicon."""

_RARE = 1.0  # a word that a list lacks counts as if it occurred so often
_QUOTED = re.compile(r"«[^»]*»|\"[^\"]*\"|“[^”]*”")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+")
_MARK = re.compile(r"^\s*(?:[-*•–]|\(?\d+[.)]|\(?[A-Za-z][.)])\s+")
_PARTS = 3  # a sentence of fewer words isn't judged apart from its neighbours
_UNIT = re.compile(r"\b(?:km|cm|mm|kg|mg|ml|kw|mph|ok|vs|etc|cd|dvd|tv|usb|wifi|gps)\b", re.IGNORECASE)


@functools.lru_cache(maxsize=100_000)
def judge_answer(answer: str, prompt: str, language: str) -> Judgement:
    """Say whether one answer is in `language`.

    Args:
        answer: What was said.
        prompt: What was asked; an answer that only repeats it is none.
        language: The language asked for, ISO 639-1.
    """
    if not has_word_list(language):
        return judge_caption(answer, prompt, language)
    if not any(character.isalnum() for character in answer):
        return Judgement("other", "empty")
    if is_echo(words_of(answer), words_of(prompt)):
        return Judgement("other", "echo")
    verdicts = [_judge_part(part, language) for part in parts_of(answer)]
    if wrong := next((found for found in verdicts if found.verdict == "other"), None):
        return Judgement("other", "mixed" if any(v.verdict == "target" for v in verdicts) else wrong.reason)
    return next((v for v in verdicts if v.verdict == "target"), Judgement("unknowable", "no evidence"))


def has_word_list(language: str) -> bool:
    """Say whether wordfreq has the words of a language."""
    return language in _word_lists()


def engine_of(language: str) -> str:
    """Name the package whose lists stand behind the judgement."""
    if not has_word_list(language):
        from passerelle.languages.identify import engine

        return engine(language)
    return f"wordfreq-{metadata.version('wordfreq')}"


def parts_of(answer: str) -> list[str]:
    """Cut an answer into lines and sentences, list marks and quotations away; short sentences stay together."""
    found = []
    for line in answer.splitlines():
        text = _MARK.sub("", line)
        unquoted = _QUOTED.sub(" ", text)
        text = unquoted if len(words_of(unquoted)) >= _PARTS else text
        sentences = [s for s in _SENTENCE.split(text) if s.strip()]
        if all(len(words_of(sentence)) >= _PARTS for sentence in sentences):
            found += sentences
        else:
            found.append(text)
    return [part for part in found if part.strip()]


def _judge_part(text: str, language: str) -> Judgement:
    words = _evidence(words_of(_UNIT.sub(" ", text)), language)
    if not words:
        return Judgement("unknowable", "no evidence")
    codes = tuple(code for code in rivals(language) if has_word_list(code))
    totals = {code: sum(_commonness(word, code) for word, _ in words) for code in codes}
    if len(words) == 1:
        return _judge_word(*words[0], totals, language)
    best = max(codes, key=lambda code: (totals[code], code == language, code == PIVOT))
    if best != language:
        return Judgement("other", "language")
    if language != PIVOT and any(_is_foreign(word, place == 0, language) for place, (word, _) in enumerate(words)):
        return Judgement("other", "mixed")
    return Judgement("target", "language")


def _judge_word(word: str, capital: bool, totals: dict[str, float], language: str) -> Judgement:
    """Judge one word by itself; a capital that no lexicon knows may begin a name, so more is asked of it."""
    lexicon = load_lexicon()
    if said := next((code for code in (language, PIVOT) if word in _yes_and_no(code)), ""):
        return Judgement("target" if said == language else "other", "language")
    listed = [code for code in totals if lexicon.knows(word, code)]
    if len(listed) == 1:
        return Judgement("target" if listed[0] == language else "other", "language")
    clear = CLEAR_NAME if capital and not listed else CLEAR
    if max(totals[code] for code in totals if code != language) - totals[language] >= clear:
        return Judgement("other", "language")
    rival = PIVOT if language != PIVOT else max((c for c in totals if c != language), key=totals.__getitem__)
    if totals[language] - totals[rival] >= clear:
        return Judgement("target", "language")
    return Judgement("unknowable", "no evidence")


def _is_foreign(word: str, first: bool, language: str) -> bool:
    """Say whether a word among those of `language` is English."""
    lexicon = load_lexicon()
    if word == "a":  # French "il a": an English article only where an answer begins with it
        return first
    more = _commonness(word, PIVOT) - _commonness(word, language)
    listed = lexicon.knows(word, PIVOT) and not lexicon.knows(word, language)
    return more >= (FOREIGN_LISTED if listed else FOREIGN)


def _evidence(words: Sequence[str], language: str) -> list[tuple[str, bool]]:
    """Keep the words that can show a language, in lower case, with whether they began with a capital.

    Letters, names and words written alike are left out; of hyphenated words the parts are kept.
    """
    lexicon = load_lexicon()
    alike = lexicon.shared | _loanwords(language)
    titled = len(words) > 1 and all(word[0].isupper() for word in words)
    kept: list[tuple[str, bool]] = []
    for place, word in enumerate(words):
        low = word.lower()
        listed = lexicon.knows(low, language) or lexicon.knows(low, PIVOT)
        double = "-" in word and all(piece[:1].isupper() for piece in word.split("-"))  # Coca-Cola
        name = word[0].isupper() and (place > 0 or titled or double) and not listed
        article = low == "a" and place == 0 and len(words) > 1 and language != PIVOT
        if name or (low in alike and not listed) or (len(low) < 2 and not article):
            continue
        pieces = [piece for piece in low.split("-") if len(piece) > 1] if not listed and "-" in low else [low]
        kept += [(piece, word[0].isupper()) for piece in pieces]
    return kept


@functools.cache
def _yes_and_no(language: str) -> frozenset[str]:
    """Return a language's one-word answers to yes/no questions; empty where none are known."""
    prompts = find_prompts(language)
    return frozenset({prompts.yes.lower(), prompts.no.lower()} if prompts else ())


@functools.cache
def _loanwords(language: str) -> frozenset[str]:
    """Read the words that English and a language write alike; empty where no list ships."""
    file = resources.files("passerelle").joinpath(f"data/loanwords-{language}.txt")
    if not file.is_file():
        return frozenset()
    lines = file.read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@functools.lru_cache(maxsize=200_000)
def _commonness(word: str, language: str) -> float:
    """Return how common a word is: its Zipf frequency, the logarithm to base 10 of its count in a billion words."""
    from wordfreq import zipf_frequency

    return max(float(zipf_frequency(word, language)), _RARE)


@functools.cache
def _word_lists() -> frozenset[str]:
    try:
        from wordfreq import available_languages
    except ImportError as error:
        raise MissingDependency(
            f"the language of answers needs wordfreq: type {to_install('demo', 'wordfreq')}"
        ) from error
    return frozenset(available_languages("small"))
