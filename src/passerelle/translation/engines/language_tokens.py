"""How a model of many languages is told which: by a token of its vocabulary, in one of five spellings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import langcodes
from langcodes.tag_parser import LanguageTagError

from passerelle.errors import ConfigError, unknown
from passerelle.languages.codes import language

# Each with the pattern of its tokens; the code is the group.
_IN_FRONT = (
    re.compile(r"<2([a-z]{2,3}(?:_[A-Z][a-z]{3})?)>"),  # MADLAD-400
    re.compile(r">>([a-z]{2,3}(?:_[A-Za-z]{2,4})?)<<"),  # OPUS-MT with several targets
)
_FORCED = (
    re.compile(r"([a-z]{3}_[A-Z][a-z]{3})"),  # NLLB
    re.compile(r"__([a-z]{2,3})__"),  # M2M-100
    re.compile(r"([a-z]{2,3}_[A-Z]{2})"),  # mBART-50
)


@dataclass(frozen=True)
class LanguageTokens:
    """The tokens that tell a model its languages; empty ones aren't needed.

    Attributes:
        in_front: Token that stands before the source text; it names the target.
        source: Token that the source text is marked with.
        source_code: The code in it, as the model's tokenizer names the language.
        target: Token that the translation is made to begin with.
    """

    in_front: str = ""
    source: str = ""
    source_code: str = ""
    target: str = ""


def language_tokens(vocabulary: Iterable[str], source: str, target: str) -> LanguageTokens:
    """Find the tokens for two languages in a model's vocabulary.

    Args:
        vocabulary: All tokens of the model.
        source: Any code of the source language.
        target: The same of the target language.

    Returns:
        The tokens; all empty if the model has none, because it translates one pair of languages only.

    Raises:
        ConfigError: The model has tokens for other languages only.
    """
    words = list(vocabulary)
    found = [(pattern, _tokens(words, pattern)) for pattern in (*_IN_FRONT, *_FORCED)]
    pattern, tokens = max(found, key=lambda each: len(each[1]))
    if not tokens:
        return LanguageTokens()
    if pattern in _IN_FRONT:
        return LanguageTokens(in_front=tokens[_pick(tokens, target)])
    code = _pick(tokens, source)
    return LanguageTokens(source=tokens[code], source_code=code, target=tokens[_pick(tokens, target)])


def _tokens(vocabulary: list[str], pattern: re.Pattern[str]) -> dict[str, str]:
    """Token by code of those that are spelt by a pattern and name a language."""
    matches = (pattern.fullmatch(word) for word in vocabulary)
    return {match[1]: match[0] for match in matches if match and _key(match[1])}


def _pick(tokens: dict[str, str], named: str) -> str:
    wanted = language(named)
    codes = [code for code in tokens if _key(code) == _key(wanted.bcp47)]
    if not codes:
        raise ConfigError(f"the model doesn't know {wanted.name}: " + unknown("language", wanted.bcp47, tokens))
    # `pes_Arab` before `prs_Arab`, which is Persian too, of Afghanistan
    return min(codes, key=lambda code: (langcodes.Language.get(_standard(code)).territory is not None, code))


def _standard(code: str) -> str:
    return langcodes.standardize_tag(code.removesuffix("_XX"), macro=True)


@lru_cache(maxsize=4096)
def _key(code: str) -> tuple[str, str] | None:
    """Language and script; models name single languages (`arb`, `nob`) of what we know by one code (`ar`, `no`)."""
    try:
        found = langcodes.Language.get(_standard(code))
    except (LanguageTagError, ValueError):
        return None
    if found.language is None or not found.is_valid():
        return None
    return "no" if found.language == "nb" else found.language, found.maximize().script or ""
