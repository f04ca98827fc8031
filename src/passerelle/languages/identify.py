"""Which language a very short text is in: evidence for answers of one to eight words.

General identifiers are trained on sentences and are unreliable here. Three witnesses are added up instead, in
log-odds: lingua restricted to the few languages that can occur, a lexicon of function words, and one of
frequent caption words.
"""

from __future__ import annotations

import functools
import math
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from typing import Any

from passerelle.errors import MissingDependency, to_install
from passerelle.languages.knowledge import known

PIVOT = "en"
"""The base model's own language: what an adapted model falls back into."""

LEXICON_WEIGHT = 2.5
"""Log-odds that a lexicon word adds for its languages: a factor of 12. Chosen on the emoji names of CLDR."""

RIVAL_PRIOR = 0.1
"""Prior odds of a third language against the target or English, where answers stray. Chosen as above."""

_FLOOR = 1e-4  # lingua may say 0; one confident witness must not be able to veto the others
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]+(?:-[^\W\d_]+)*")


@dataclass(frozen=True)
class Lexicon:
    """What the languages' own words are.

    Attributes:
        function: Closed-class words by language code.
        common: Frequent caption words by language code.
        shared: Words that are written alike in several languages and so prove nothing.
    """

    function: Mapping[str, frozenset[str]]
    common: Mapping[str, frozenset[str]]
    shared: frozenset[str]

    def knows(self, word: str, language: str) -> bool:
        """Say whether `word` (lower case) is listed for `language`."""
        none: frozenset[str] = frozenset()
        return word in self.function.get(language, none) or word in self.common.get(language, none)


@functools.cache
def load_lexicon() -> Lexicon:
    """Read the words of the languages that are weighed, and those of no language; once per process."""
    table = tomllib.loads(resources.files("passerelle").joinpath("data/lexicons.toml").read_text("utf-8"))
    found = {code: words for code in table["weighed"].split() if (words := known(code).words)}
    return Lexicon(
        function={code: frozenset(words.function.split()) for code, words in found.items()},
        common={code: frozenset(words.common.split()) for code, words in found.items()},
        shared=frozenset(" ".join(table["shared"].values()).split()),
    )


def words_of(text: str) -> list[str]:
    """Split into words: letters only, elisions apart (``l'oiseau``), hyphenated whole, CJK by character."""
    return _WORD.findall(unicodedata.normalize("NFC", text))


def word_places(text: str) -> list[tuple[str, int]]:
    """Split a text in Unicode's NFC as `words_of` does; with each word the place after it."""
    return [(match[0], match.end()) for match in _WORD.finditer(text)]


def rivals(target: str) -> tuple[str, ...]:
    """List what an answer asked for in `target` may be in: it, English, the lexicon's languages."""
    return tuple(dict.fromkeys((target, PIVOT, *load_lexicon().function)))


def language_odds(words: Sequence[str], languages: Sequence[str]) -> dict[str, float]:
    """Weigh the languages for a few words.

    Args:
        words: At least one word, in lower case, as of `words_of`; without shared words and names.
        languages: Codes (ISO 639-1) to choose from; the target first.

    Returns:
        A probability by language; they add up to 1.
    """
    lexicon = load_lexicon()
    confidence = _statistical(" ".join(words), tuple(languages))
    logs = {
        code: math.log(max(confidence.get(code, 0.0), _FLOOR))
        + LEXICON_WEIGHT * sum(lexicon.knows(word, code) for word in words)
        + (0.0 if code in (languages[0], PIVOT) else math.log(RIVAL_PRIOR))
        for code in languages
    }
    top = max(logs.values())
    weights = {code: math.exp(value - top) for code, value in logs.items()}
    total = sum(weights.values())
    return {code: weight / total for code, weight in weights.items()}


def engine(target: str) -> str:
    """Name the package, with its version, whose models stand behind the lexicon for a target language."""
    package = "py3langid" if _lingua(rivals(target))[0] is None else "lingua-language-detector"
    return f"{package}-{metadata.version(package)}"


def _statistical(text: str, languages: tuple[str, ...]) -> dict[str, float]:
    """Give a character n-gram model's confidence by language: lingua's, or py3langid's where it must."""
    detector, names = _lingua(languages)
    if detector is None:
        return _py3langid(text, languages)
    return {names[found.language]: found.value for found in detector.compute_language_confidence_values(text)}


@functools.cache
def _lingua(languages: tuple[str, ...]) -> tuple[Any, dict[Any, str]]:
    """Build lingua's detector; ``(None, {})`` where it lacks one of the languages."""
    try:
        from lingua import Language, LanguageDetectorBuilder
    except ImportError as error:
        raise MissingDependency(
            f"language fidelity needs lingua: type {to_install('demo', 'lingua-language-detector')}"
        ) from error
    # lingua splits Norwegian in two; both answer to the macro-language's code.
    by_code = {language.iso_code_639_1.name.lower(): language for language in Language.all()}
    by_code["no"] = by_code["nb"]
    if any(code not in by_code for code in languages):
        return None, {}
    detector = LanguageDetectorBuilder.from_languages(*(by_code[code] for code in languages)).build()
    return detector, {by_code[code]: code for code in languages}


def _py3langid(text: str, languages: tuple[str, ...]) -> dict[str, float]:
    identifier = _py3langid_model(languages)
    return {code: float(value) for code, value in identifier.rank(text)}


def load_langid(*, probabilities: bool) -> Any:
    """Load py3langid's model, with all languages that it knows.

    Args:
        probabilities: Whether it gives probabilities, else what they are made of.

    Raises:
        MissingDependency: It isn't installed.
    """
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as error:
        raise MissingDependency(
            f"telling languages apart needs py3langid: type {to_install('demo', 'py3langid')}"
        ) from error
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=probabilities)


@functools.cache
def _py3langid_model(languages: tuple[str, ...]) -> Any:
    """Load py3langid, restricted to those of the languages that it knows."""
    identifier = load_langid(probabilities=True)
    known = set(identifier.nb_classes)
    if languages[0] not in known:
        raise MissingDependency(
            f"no identifier knows the language {languages[0]!r}; leave fidelity out or use an ISO 639-1 code"
        )
    identifier.set_languages([code for code in languages if code in known])
    return identifier
