"""What repair knows of two languages beside its engines: how phrases are put together, and what is put right."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache, cached_property, partial
from importlib.resources import files

from passerelle.config import Settings, parse_settings

FOLDER = "repairing"
_VOWELS = "aeiouyàâéèêëîïôûùœæh"


class Phrases(Settings):
    """How short noun phrases are written.

    Attributes:
        most_words: Longer texts aren't put together from a dictionary.
        singular: Determiners of one thing, by the source's.
        plural: Determiners of several.
        links: Words between two noun phrases.
        glosses: First words of what a dictionary says about a word instead of translating it; blanks between.
    """

    most_words: int
    singular: dict[str, str]
    plural: dict[str, str]
    links: dict[str, str]
    glosses: str


class Order(Settings):
    """Which adjectives stand before their noun, and what becomes of them before a vowel."""

    before: str
    before_vowel: dict[str, str] = {}


class Rewriting(Settings):
    """Another way to write the source: what matches `source` becomes `put`."""

    source: str
    put: str


class Mending(Settings):
    """What engines write wrong again and again: where `source` is found, `find` becomes `put` in the translation."""

    source: str
    find: str
    put: str


class Sense(Settings):
    """Words that engines take in another sense: where `source` is found, they are put right in the translation."""

    source: str
    words: dict[str, str]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Any of the words, the longest first."""
        longest = sorted(self.words, key=len, reverse=True)
        return re.compile(rf"(?<![\w'’-])(?:{'|'.join(map(re.escape, longest))})(?![\w-])")


class Progressive(Settings):
    """A tense that engines take literally.

    Attributes:
        one: How the source says it of one.
        several: Of several.
        find: What engines write; its groups are the auxiliary and the infinitive.
        plural: The auxiliary of several: it tells how many where the source has both.
    """

    one: str
    several: str
    find: str
    plural: str

    def number(self, source: str) -> str:
        """Return ``sg`` or ``pl`` where a source has the tense in one number only, ``both``, or nothing."""
        one, several = (re.search(pattern, source, re.IGNORECASE) for pattern in (self.one, self.several))
        return "both" if one and several else "sg" if one else "pl" if several else ""


class Questions(Settings):
    """How questions that ask for more than yes or no begin: patterns for a source and its translation."""

    source: str
    target: str


class Wording(Settings):
    """What is known of two languages.

    Attributes:
        source: BCP-47 code of the one.
        target: Of the other.
        no_elision: Words before which nothing is elided, blanks between.
        phrases: How noun phrases are written.
        adjectives: Which stand before their noun.
        rewritten: Other ways to write the source.
        mended: What is put right in translations.
        senses: Words that are put right in translations.
        progressive: The tense that is put right, if there is one.
        questions: How questions are told apart.
    """

    source: str
    target: str
    no_elision: str
    phrases: Phrases
    adjectives: Order
    rewritten: tuple[Rewriting, ...] = ()
    mended: tuple[Mending, ...] = ()
    senses: tuple[Sense, ...] = ()
    progressive: Progressive | None = None
    questions: Questions | None = None

    @cached_property
    def first_adjectives(self) -> frozenset[str]:
        """The adjectives that stand before their noun."""
        return frozenset(self.adjectives.before.split())

    @cached_property
    def gloss_words(self) -> frozenset[str]:
        """How glosses begin."""
        return frozenset(self.phrases.glosses.split())

    def is_gloss(self, text: str) -> bool:
        """Whether a dictionary's text says something about a word and is no translation: "article défini"."""
        words = text.lower().split()
        return "..." in text or "…" in text or (len(words) > 1 and words[0].strip("(") in self.gloss_words)

    def rewrite(self, source: str) -> str:
        """Write a source in another way that means the same and that engines translate better."""
        for rule in self.rewritten:
            new = re.sub(rule.source, partial(_as_begun, put=rule.put), source, flags=re.IGNORECASE)
            begun = new.removesuffix(source)
            source = f"{begun}{source[:1].lower()}{source[1:]}" if begun and begun != new else new
        return source

    def mend(self, source: str, text: str) -> str:
        """Put right in a translation what engines write wrong again and again, where the source says so."""
        for rule in self.mended:
            if re.search(rule.source, source, re.IGNORECASE):
                text = re.sub(rule.find, rule.put, text)
        for sense in self.senses:
            if re.search(sense.source, source, re.IGNORECASE):
                text = sense.pattern.sub(lambda match, words=sense.words: words[match[0]], text)  # type: ignore[misc]
        return text

    def is_other_question(self, source: str, text: str) -> bool:
        """Whether one of two texts asks for yes or no and the other for more, or only one is a question."""
        asks = [each.rstrip().endswith("?") for each in (source, text)]
        if self.questions is None or not any(asks):
            return False
        is_open = [
            bool(re.search(pattern, each, re.IGNORECASE))
            for pattern, each in ((self.questions.source, source), (self.questions.target, text))
        ]
        return not all(asks) or is_open[0] != is_open[1]

    def before_noun(self, adjective: str, noun: str) -> str:
        """Write a masculine singular adjective as it stands before a noun: "vieil" before "arbre"."""
        begins = noun[:1].lower() in _VOWELS and noun.lower() not in self.no_elision.split()
        return self.adjectives.before_vowel.get(adjective, adjective) if begins else adjective

    def contracted(self, text: str) -> str:
        """Write "du" for "de le", "au" for "à le", "l'eau" for "la eau"."""
        for pattern, put in _contractions(self.no_elision):
            text = pattern.sub(put, text)
        return text


def _as_begun(match: re.Match[str], put: str) -> str:
    """Write what is put in with a capital where the text begins."""
    return put[:1].upper() + put[1:] if match.start() == 0 or match[0][:1].isupper() else put


@cache
def _contractions(no_elision: str) -> Sequence[tuple[re.Pattern[str], str]]:
    """French: what becomes of words that stand before a vowel or an article."""
    vowel = rf"(?=[{_VOWELS}])(?!(?:{'|'.join(map(re.escape, no_elision.split()))})\b)"
    noun = r"(?!\w+(?:er|ir|re)\b)"  # "de le faire": a pronoun
    pairs = [
        (rf"\b([dDlL])[ea] {vowel}", r"\1'"),
        (r"\b([qQ])ue (?=(?:ils?|elles?|on|une?)\b)", r"\1u'"),
        (rf"\b([dD])e le {noun}", r"\1u "),
        (rf"\b([dD])e les {noun}", r"\1es "),
        (rf"\bà le {noun}", "au "),
        (rf"\bÀ le {noun}", "Au "),
        (rf"\bà les {noun}", "aux "),
        (rf"\bÀ les {noun}", "Aux "),
    ]
    return [(re.compile(pattern), put) for pattern, put in pairs]


@cache
def wording(source: str, target: str) -> Wording | None:
    """Return what ships for two languages (BCP-47, regions don't count); ``None`` where nothing does."""
    codes = source.partition("-")[0], target.partition("-")[0]
    name = f"{'-'.join(codes)}.toml"
    file = files("passerelle.data").joinpath(FOLDER, name)
    if not file.is_file():
        return None
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    return parse_settings(Wording, {**content, "source": codes[0], "target": codes[1]}, name)
