"""What is known of a language: one file for each, those that ship and one's own beside an experiment.

Every part may be missing, and is known as missing. `docs/reference/languages.md` explains the parts.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from passerelle.config import Settings, parse_settings
from passerelle.errors import ConfigError
from passerelle.languages.codes import language
from passerelle.languages.reading_words import SHIPS, Numbers, OpenAnswers, Reading
from passerelle.runs import content_hash

FOLDER = "languages"
"""What a folder of files of one's own is called beside an experiment."""


class ExamplePrompts(Settings):
    """What the example asks about a picture; ``{caption}`` and ``{a}`` to ``{d}`` are put in without their full stops.

    Attributes:
        yes: The word for yes, as it begins a sentence.
        no: The word for no.
        caption: "What is this?"
        yes_no: "Is this {caption}?"
        which: "Is it {a}, {b}, {c} or {d}?"
        articles: Words that begin a caption and are no names: in small letters inside a sentence.
        in_language: "Answer in {language}."; in English only.
    """

    yes: str
    no: str
    caption: str
    yes_no: str
    which: str
    articles: tuple[str, ...] = ()
    in_language: str = ""


class Instructions(Settings):
    """What stands behind a benchmark's question; a missing one is known as missing.

    Attributes:
        hint: Before a question's context.
        letter: Behind the options of a choice.
        short: Behind an open question.
        yes_no: Behind a yes/no question that doesn't say so itself.
        caption: What a caption is asked for with.
    """

    hint: str = ""
    letter: str = ""
    short: str = ""
    yes_no: str = ""
    caption: str = ""


class SentenceEnds(Settings):
    """Where a full stop doesn't end a sentence: words with blanks between, without the last full stop, in lower case.

    Attributes:
        before_name: Never end a sentence: titles, "e.g.".
        before_number: Don't end one where a number follows: "No. 5".
        may_end: End one only if the next word begins sentences: "etc."; so do all with full stops inside ("U.S.").
        starters: Words that begin sentences.
    """

    before_name: str = ""
    before_number: str = ""
    may_end: str = ""
    starters: str = ""


class Length(Settings):
    """How long translations from English are: log(characters of the translation / characters of the English).

    Attributes:
        mean: Its mean.
        variance: Its variance in long texts.
        short: What is added to the variance, divided by the characters of the source.
    """

    mean: float
    variance: float = Field(gt=0)
    short: float = Field(ge=0)


class Lexicon(Settings):
    """Words by which short answers are told apart, with blanks between them.

    Attributes:
        function: Articles, prepositions, pronouns, conjunctions, auxiliaries: closed classes.
        common: Words of things, frequent in captions, spelt in a way that English doesn't use.
        homographs: Words that English writes alike and means something else by: they show neither.
    """

    function: str = ""
    common: str = ""
    homographs: str = ""


class WordList(Settings):
    """A list of words with all inflections, one in a line, as Debian's packages install them in /usr/share/dict.

    Attributes:
        package: The Debian package.
        file: Its list.
        pieces: What is left of a word when the apostrophe is cut off, with blanks between.
    """

    package: str
    file: str
    pieces: str = ""


class Adjectives(Settings):
    """Adjectives that may stand before their noun in a language where others follow it; lemmas, blanks between."""

    before: str


class Nouns(Settings):
    """How nouns are written, and what agrees with them.

    Attributes:
        agree: Whether articles and adjectives agree with the noun beside them in gender and number.
        capitals: Whether every noun begins with a capital.
        masculine_before_a: Masculine articles that stand before feminine nouns with a stressed a: "el agua fría".
    """

    agree: bool = False
    capitals: bool = False
    masculine_before_a: tuple[str, ...] = ()


class Knowledge(Settings):
    """All that a file says of a language.

    Attributes:
        code: Its BCP-47 code, which is the file's name.
        name: What its speakers call it.
        direction: Of its script: ``ltr`` or ``rtl``.
        sources: Where the words come from.
        prompts: What the example asks.
        instructions: What stands behind a benchmark's question.
        reading: How yes, no and letters are read.
        open: How open answers are compared.
        numbers: How numbers are written.
        sentences: Where sentences end.
        length: How long translations from English are.
        words: Words by which the language is told.
        word_list: Where its words are listed.
        adjectives: Which stand before their noun.
        nouns: How they are written, and what agrees with them.
    """

    code: str
    name: str = ""
    direction: Literal["ltr", "rtl"] = "ltr"
    sources: tuple[str, ...] = ()
    prompts: ExamplePrompts | None = None
    instructions: Instructions | None = None
    reading: Reading | None = None
    open: OpenAnswers | None = None
    numbers: Numbers | None = None
    sentences: SentenceEnds | None = None
    length: Length | None = None
    words: Lexicon | None = None
    word_list: WordList | None = None
    adjectives: Adjectives | None = None
    nouns: Nouns | None = None

    @field_validator("code")
    @classmethod
    def _is_language(cls, code: str) -> str:
        if (usual := language(code).bcp47) != code:
            raise ValueError(f"the file of this language is called {usual}.toml.")
        return code


PARTS: tuple[str, ...] = tuple(Knowledge.model_fields)[4:]
"""The parts of a file, in its order."""

_own: dict[str, Knowledge] = {}
"""What is known of the languages that have files of one's own: their parts in place of those that ship."""


def known(code: str) -> Knowledge:
    """Return what is known of a language: empty where nothing is.

    Args:
        code: BCP-47; of a regional one what is known of the language without its region.

    Raises:
        ConfigError: A file of ours or of one's own isn't such a file.
    """
    found = _of(code)
    if found is None and "-" in code:
        found = _of(code.partition("-")[0])
    return found or _nothing(code)


def _of(code: str) -> Knowledge | None:
    return _own.get(code) or _shipped(code)


@cache
def _nothing(code: str) -> Knowledge:
    return Knowledge.model_construct(code=code)


def languages_with(part: str) -> tuple[str, ...]:
    """Return the codes of the languages of which a part is known, in alphabetical order."""
    return tuple(code for code in sorted({*shipped_codes(), *_own}) if getattr(known(code), part))


def own_digest(code: str = "") -> str:
    """Return a hash of one's own files that are known now, or of one language's; nothing where there are none."""
    kept = {each: _own[each] for each in sorted(_own) if code in ("", each)}
    return content_hash([each.model_dump(mode="json") for each in kept.values()])[:12] if kept else ""


@contextmanager
def known_languages(folder: Path | None) -> Iterator[None]:
    """Know the files of a folder of one's own while the block runs, in the whole process.

    Args:
        folder: Holds ``CODE.toml`` for each language; ``None``: nothing more than before.

    Raises:
        ConfigError: It is no folder, holds no such file, or one that can't be read.
    """
    global _own
    before = _own
    if folder is not None:
        _own = {**before, **{each.code: _over_shipped(each) for each in map(read_language, _files(folder))}}
    try:
        yield
    finally:
        _own = before


def _over_shipped(own: Knowledge) -> Knowledge:
    shipped = known(own.code)
    return shipped.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


def languages_beside(experiment: Path) -> Path | None:
    """Return the folder of languages that stands beside an experiment's file, if there is one with a file in it."""
    beside = experiment.parent / FOLDER
    return beside if any(beside.glob("*.toml")) else None


def _files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.toml"))
    if not found:
        raise ConfigError(
            f"{str(folder)!r} holds no file of a language. Name a folder with files such as ca.toml; "
            "passerelle languages ca --start FOLDER/ca.toml begins one."
        )
    return found


def read_language(file: Path) -> Knowledge:
    """Read a file of one's own.

    Raises:
        ConfigError: It can't be read, isn't TOML, is named after no language, or has a key that is unknown.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise ConfigError(f"can't read {str(file)!r} as what is known of a language: {error}") from None
    return _parse(text, file.name.removesuffix(".toml"), str(file))


def _parse(text: str, code: str, where: str, context: Any = None) -> Knowledge:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: not valid TOML: {error}.") from None
    return parse_settings(Knowledge, {**content, "code": code}, where, context)


@cache
def shipped_codes() -> tuple[str, ...]:
    """Return the codes of the languages whose files ship."""
    found = files("passerelle.data").joinpath(FOLDER).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in found if file.name.endswith(".toml")))


@cache
def _shipped(code: str) -> Knowledge | None:
    file = files("passerelle.data").joinpath(FOLDER, f"{code}.toml")
    return _parse(file.read_text(encoding="utf-8"), code, file.name, SHIPS) if file.is_file() else None


def own_knowledge() -> dict[str, Knowledge]:
    """Return what is known by files of one's own, by code: for `know` in another process."""
    return dict(_own)


def know(own: dict[str, Knowledge]) -> None:
    """Know in this process, from now on, what another one knew by files of one's own."""
    global _own
    _own = dict(own)


def own_codes() -> tuple[str, ...]:
    """Return the codes of the languages that have files of one's own."""
    return tuple(sorted(_own))
