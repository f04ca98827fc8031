"""The parts of a language's file by which answers are read: words of yes and no, of options, of numbers.

Where a pattern is asked for it is a regular expression, tried in lower case with straight apostrophes; everything else
is words as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from pydantic import Field, ValidationInfo, field_validator

from passerelle.config import Settings

SHIPS = {"ships": True}
"""Says that a file comes with Passerelle, whose tests compile its patterns: that takes a tenth of a second."""

Words = tuple[str, ...]
_Patterns = TypeVar("_Patterns", bound=Iterable[str])


def _checked(patterns: _Patterns, info: ValidationInfo) -> _Patterns:
    for pattern in () if info.context == SHIPS else patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}.") from None
    return patterns


class Reading(Settings):
    """What yes, no and the letter of an option are told by.

    Attributes:
        yes: What means yes where a statement begins with it; the longest that fits counts.
        yes_alone: The same, where nothing or a mark follows ("si": "Si on regarde" means "if").
        polite: Means yes, unless the answer goes on with a statement: "Sure! There is no dog."
        no: What means no where a statement begins with it; longer ones count before shorter ones of `yes`.
        no_alone: The same, where nothing or a mark follows: "not true".
        both: Means both, and so neither: "yes and no", "perhaps".
        refuses: Patterns of what answers nothing.
        negates: Patterns of what makes a statement a denial.
        not_negated: Patterns of what looks like a denial and is none: "not only", "no doubt".
        absent: Patterns of words that deny by themselves: "is missing", "empty". A denial of one affirms.
        affirms: Patterns of statements that say yes whatever was asked: "the statement is true".
        echoes: Patterns of clauses that, whole, say yes in the words of a question left out: "she is", "it sure does".
        apart_from: "except for", "apart from": what follows is there although the rest is denied.
        nobody: Patterns of denials of people: "nobody".
        people: Words for people, of whom an exception to "nobody" is one: "people", "person", "anyone".
        resembles: Patterns of what only looks so: "looks like". With "but" behind it, it isn't.
        than: What stands between two things that are compared: "than".
        only: "only", "nothing but": what is there, so that nothing else is.
        exists: Words by which something is there, or is this: "there is", "shows", "it is", "you can see".
        little: Words that a question isn't about, blanks between: prepositions, pronouns, auxiliaries.
        scene: Words for the picture and what is asked of it, which a question isn't about: "image", "visible".
        leads: Patterns of what may stand before an answer: hedges, "the answer is".
        so: What brings a conclusion: "so", "therefore".
        but: What brings the contrary: "but", "however".
        either: Words that join two answers: "or", "and".
        conditional: Words of what isn't so: "if", "at first", "would be".
        whether: Patterns of a clause that asks indirectly, and so says nothing: ``^whether ``, `` ли``.
        option_words: Words for an option: "answer", "option", "letter".
        right: What stands behind the letter of an option that is chosen: "is correct", "is the right answer".
        none_of: What says that no option fits.
        letters: Capital letters that are words too.
        letter_forms: How an option's letter is written otherwise, and what stands for it: ``{"Б" = "B"}``. Patterns, so
            that endings glued to a letter go, too; capitals count.
        denies_behind: Whether a denial stands behind what it denies only: "A değil".
        free_order: Whether what is asked for may stand anywhere in a question: "Is on the table a cup?"
        ordinals: Words for the first, the second, …; blanks between the forms of one.
        last: Words for the last.
        exclusive: Words of which only one is true of a thing, with blanks between: colours, left and right. Forms of
            one are joined by "|", and "*" stands for any letters: "red|reddish blu* on|onto under*".
        compounds: Whether words are made of several, the last of which says what it is: "Holzbank" is a bench.
        spaced: Whether blanks stand between words.
    """

    yes: Words = Field(min_length=1)
    yes_alone: Words = ()
    polite: Words = ()
    no: Words = Field(min_length=1)
    no_alone: Words = ()
    both: Words = ()
    refuses: Words = ()
    negates: Words = ()
    not_negated: Words = ()
    absent: Words = ()
    affirms: Words = ()
    echoes: Words = ()
    apart_from: Words = ()
    nobody: Words = ()
    people: Words = ()
    resembles: Words = ()
    than: Words = ()
    only: Words = ()
    exists: Words = ()
    little: str = ""
    scene: Words = ()
    leads: Words = ()
    so: Words = ()
    but: Words = ()
    either: Words = ()
    conditional: Words = ()
    whether: Words = ()
    option_words: Words = ()
    right: Words = ()
    none_of: Words = ()
    letters: str = ""
    letter_forms: dict[str, str] = {}
    denies_behind: bool = False
    free_order: bool = False
    ordinals: Words = ()
    last: Words = ()
    exclusive: Words = ()
    compounds: bool = False
    spaced: bool = True

    @field_validator(
        "refuses", "leads", "negates", "not_negated", "absent", "affirms", "echoes", "nobody", "resembles", "whether"
    )
    @classmethod
    def _are_patterns(cls, patterns: Words, info: ValidationInfo) -> Words:
        return _checked(patterns, info)

    @field_validator("letter_forms")
    @classmethod
    def _have_patterns(cls, forms: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        _checked(forms, info)
        return forms


class OpenAnswers(Settings):
    r"""How the words of open answers are compared.

    Attributes:
        articles: Left out.
        indefinite: Articles and words of what isn't known yet: "a", "some", "any"; a question is about what follows.
        whereof: What goes into the parts of an answer: "of which", "including".
        that_is: What says the same again: "that is", "in other words".
        grounds: Patterns of a whole clause before a comma that says what the answer is founded on: ``judging by .+``.
        bounds: What makes a number one that isn't reached, or is passed: "more than", "at least", "almost".
        beginnings: Left out at the beginning only, after the articles.
        copulas: Words behind which an answer stands: "is", "equals".
        elisions: What a word cut off by an apostrophe stands for; empty: left out.
        whole: Words with an apostrophe that are one.
        frame: Words that may stand around an answer in a sentence, blanks between: copulas, prepositions, "I see".
        glued: Patterns of what is glued to words, as particles and articles are: ``^ال``, ``입니다$``; taken away one
            after the other where words are compared.
        times: Patterns of the time of day in digits and words, hours and minutes in brackets: ``(\d+)時(\d+)分``.
        about: Words that may stand around an open answer, too, but that a question may be about, blanks between:
            "city", "animal", "wears".
        spelt: How letters are written by who lacks them: ``{"ä" = "ae"}``.
        units: Words of units by their sign.
    """

    articles: Words = ()
    indefinite: Words = ()
    whereof: Words = ()
    that_is: Words = ()
    grounds: Words = ()
    bounds: Words = ()
    beginnings: Words = ()
    copulas: Words = ()
    elisions: dict[str, str] = {}
    whole: Words = ()
    frame: str = ""
    glued: Words = ()
    times: Words = ()
    about: str = ""
    spelt: dict[str, str] = {}
    units: dict[str, Words] = {}

    @field_validator("glued", "grounds", "times")
    @classmethod
    def _are_patterns(cls, patterns: Words, info: ValidationInfo) -> Words:
        return _checked(patterns, info)


class Numbers(Settings):
    """How numbers are written, in digits and in words.

    Attributes:
        decimal: The decimal mark.
        words: Numbers by their words: all that aren't put together of others. From 100 on they multiply.
        one: Words that are one only where nothing else is said, or inside a longer number.
        joints: What stands between the words of a number: "and".
        unit_first: Whether units stand before tens, with a joint between: "einundzwanzig".
        glued: Whether the words of a number are written as one.
        ordinals: What stands behind the digits of an ordinal: "th", "e", "º".
        tens: Whether ten multiplies what stands before it: "二十".
        counters: Words that things are counted with, behind the number: "匹", "con", "ekor".
    """

    decimal: str = Field(default=".", pattern=r"^[.,٫]$")
    words: dict[str, int] = {}
    one: Words = ()
    joints: Words = ()
    unit_first: bool = False
    glued: bool = False
    tens: bool = False
    counters: Words = ()
    ordinals: Words = ()
