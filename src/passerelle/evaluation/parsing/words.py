"""The words of a language by which answers are read, compiled once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from passerelle.errors import ConfigError
from passerelle.evaluation.parsing.open_words import NEVER, OpenWords, any_of, either, spelt, words_in
from passerelle.evaluation.parsing.published import Said
from passerelle.evaluation.parsing.text import QUOTES, VOWELS
from passerelle.languages.knowledge import known, languages_with

ENGLISH = "en"
_MARK = rf"(?=\s*(?:$|[^\w\s{VOWELS}]))"
_CLAUSE_END = re.compile(r"[,;:(–—\n]|\s-\s")
_NEAR_WORDS, _NEAR_BEHIND, _NEAR_CHARACTERS = 5, 3, 60
_NEAR_UNSPACED = 14  # characters, where no blanks part the words


class Words(OpenWords):
    """What one language's answers are made of; `reading` of its file is known."""

    @cached_property
    def said(self) -> list[tuple[re.Pattern[str], Said | None]]:
        """Patterns of what means yes, no or both at the beginning of a statement, the longest first."""
        table, end = self.reading, self._end
        entries: list[tuple[str, str, Said | None]] = [(phrase, end, None) for phrase in table.both]
        entries += [(phrase, end, "yes") for phrase in (*table.yes, *table.polite)]
        entries += [(phrase, _MARK, "yes") for phrase in table.yes_alone]
        entries += [(phrase, end, "no") for phrase in table.no] + [(phrase, _MARK, "no") for phrase in table.no_alone]
        entries.sort(key=lambda entry: -len(entry[0]))
        return [(re.compile(spelt(phrase) + tail), value) for phrase, tail, value in entries]

    @cached_property
    def ends_with_yes(self) -> re.Pattern[str]:
        """A yes at the end of a clause, behind other words."""
        return self._at_end(self.reading.yes)

    @cached_property
    def ends_with_no(self) -> re.Pattern[str]:
        """A no at the end of a clause, behind other words."""
        return self._at_end(self.reading.no)

    def _at_end(self, phrases: Iterable[str]) -> re.Pattern[str]:
        return re.compile(rf"\w (?:{'|'.join(map(re.escape, phrases))})(?: (?:{self.joint}) |$)")

    @cached_property
    def both(self) -> re.Pattern[str]:
        """What means both yes and no: what the table says, or a yes and a no with "or" between."""
        table = self.reading
        yes, no, joint = (
            either(words) for words in ((*table.yes, *table.yes_alone), (*table.no, *table.no_alone), table.either)
        )
        between = rf"\s*,?\s*(?:/|(?:{joint}){self._end})\s*" if joint else r"\s*/\s*"
        pairs = [f"(?:{first}){between}(?:{second})" for first, second in ((yes, no), (no, yes))]
        return self._anywhere([*map(spelt, table.both), *pairs])

    @cached_property
    def lead(self) -> re.Pattern[str]:
        """What may stand before an answer: "the answer is", "I think that", "so", "but"."""
        words = self.reading
        pieces = [*words.leads, *map(spelt, (*words.so, *words.but))]
        joined = "|".join(sorted(pieces, key=len, reverse=True))
        return re.compile(rf"(?:{joined}){self._end}\s*[:,\-–]?\s*") if pieces else NEVER

    def stripped(self, part: str) -> str:
        """Return a clause without what may stand before an answer."""
        while (match := self.lead.match(part)) and match.end():
            part = part[match.end() :].strip(QUOTES)
        return part

    @cached_property
    def polite(self) -> re.Pattern[str]:
        """What means yes unless the answer goes on."""
        return self._beginning(self.reading.polite)

    @cached_property
    def refusal(self) -> re.Pattern[str]:
        """What answers nothing."""
        return self._anywhere(self.reading.refuses)

    @cached_property
    def negation(self) -> re.Pattern[str]:
        """What makes a statement a denial."""
        return self._anywhere(self.reading.negates, bounded=False)

    @cached_property
    def not_negation(self) -> re.Pattern[str]:
        """What looks like a denial and is none."""
        return self._anywhere(self.reading.not_negated, bounded=False)

    @cached_property
    def absent(self) -> re.Pattern[str]:
        """Words that deny by themselves."""
        return self._anywhere(self.reading.absent)

    @cached_property
    def exists(self) -> re.Pattern[str]:
        """Words by which something is there."""
        return self._anywhere(map(spelt, self.reading.exists))

    @cached_property
    def only(self) -> re.Pattern[str]:
        """What says that nothing else is there."""
        return self._anywhere(
            rf"\w+{spelt(phrase[1:])}" if phrase.startswith("-") else spelt(phrase) for phrase in self.reading.only
        )

    @cached_property
    def conditional(self) -> re.Pattern[str]:
        """Words of what isn't so."""
        return self._anywhere(map(spelt, self.reading.conditional))

    @cached_property
    def whether(self) -> re.Pattern[str]:
        """A clause that asks indirectly."""
        return any_of(self.reading.whether)

    @cached_property
    def cuts(self) -> re.Pattern[str]:
        """Where a statement goes over into another without a mark: before "but", "so", and "and not"."""
        words = self.reading
        starts = [*map(spelt, (*words.but, *words.so))]
        if words.either and words.negates:
            starts.append(rf"(?:{either(words.either)})(?=\s+(?:{'|'.join(words.negates)}))")
        return self._anywhere(starts)

    def cut_place(self, cut: re.Match[str]) -> int:
        """Return where a clause is cut: behind a word that denies what stands before it ("not but"), else before it."""
        return cut.end() if self.reading.denies_behind and self.denies(cut[0]) else cut.start()

    @cached_property
    def affirms(self) -> re.Pattern[str]:
        """What says yes whatever was asked: "the statement is true"."""
        return self._anywhere(self.reading.affirms)

    @cached_property
    def echoes(self) -> re.Pattern[str]:
        """What, whole, says yes in the words of a question left out: "she is"."""
        return any_of(self.reading.echoes)

    @cached_property
    def apart_from(self) -> re.Pattern[str]:
        """What is there although the rest is denied follows this: "except for"."""
        return self._anywhere(map(spelt, self.reading.apart_from))

    def excepts(self, clause: str) -> bool:
        """Whether a clause is an exception: "apart from a cat"; in some languages these words stand behind."""
        return (self.apart_from.search if self.reading.denies_behind else self.apart_from.match)(clause) is not None

    @cached_property
    def nobody(self) -> re.Pattern[str]:
        """Denials of people."""
        return self._anywhere(self.reading.nobody)

    @cached_property
    def people(self) -> frozenset[str]:
        """Words for people."""
        return frozenset(self.reading.people)

    @cached_property
    def resembles(self) -> re.Pattern[str]:
        """What only looks so."""
        return self._anywhere(self.reading.resembles)

    @cached_property
    def than(self) -> re.Pattern[str]:
        """What stands between two things that are compared."""
        return self._anywhere(map(spelt, self.reading.than))

    @cached_property
    def there(self) -> re.Pattern[str]:
        """Words by which a question asks whether something is there; "is" by itself doesn't."""
        return self._anywhere(spelt(phrase) for phrase in self.reading.exists if phrase not in self.open.copulas)

    @cached_property
    def counters(self) -> frozenset[str]:
        """Words that things are counted with."""
        return frozenset(self.numbers.counters)

    @cached_property
    def indefinite(self) -> frozenset[str]:
        """Articles and words of what isn't known yet."""
        return frozenset((*self.open.indefinite, *self.numbers.one))

    @cached_property
    def pictured(self) -> re.Pattern[str]:
        """An article or a word of the picture."""
        elided = [f"{piece}'" for piece in self.open.elisions]
        return re.compile(
            rf"(?:(?:{either((*self.open.articles, *self.reading.scene))}){self._end}|{'|'.join(elided) or '(?!)'})\s*"
        )

    @cached_property
    def in_picture(self) -> re.Pattern[str]:
        """A phrase for the picture, with the little words before it: "in this image"."""
        little = [word for word in self._little if word not in self.reading.scene]
        scene = [word for word in self.reading.scene if len(word) > 3 and word not in self._little]
        if not scene or not little:
            return NEVER
        before = rf"(?:(?:{either(little)})(?:'|\s+)){{1,3}}"
        return self._anywhere([rf"{before}(?:{either(scene)})"])

    @cached_property
    def _little(self) -> frozenset[str]:
        listed = [self.knowledge.words.function if self.knowledge.words else "", self.open.frame, self.reading.little]
        return frozenset(
            word for phrase in (*listed, *self.open.articles, *self.open.indefinite) for word in phrase.split()
        )

    @cached_property
    def contrary(self) -> re.Pattern[str]:
        """What brings the contrary."""
        return self._anywhere(map(spelt, self.reading.but))

    @cached_property
    def silent(self) -> frozenset[str]:
        """Words that a question isn't about: little ones, words of the picture, words of being there."""
        table = self.reading
        little = [self.knowledge.words.function if self.knowledge.words else "", self.open.frame, table.little]
        little += [*self.indefinite, *table.exists, *table.scene, *self.open.articles, *table.option_words]
        found = frozenset(word for phrase in little for word in words_in(phrase))
        return found | {self.bare(word) for word in found}

    @cached_property
    def exclusive(self) -> list[list[re.Pattern[str]]]:
        """Sets of words of which only one is true of a thing, each with its forms."""
        return [[_forms(entry) for entry in words.split()] for words in self.reading.exclusive]

    @cached_property
    def forms(self) -> list[re.Pattern[str]]:
        """The words of the sets of which several forms are listed: "أحمر|حمراء"."""
        return [entry for group in self.exclusive for entry in group if "|" in entry.pattern]

    def is_form(self, token: str, entry: re.Pattern[str]) -> bool:
        """Whether a word is one of a set's entry; of a language without blanks, holds it."""
        if not self.reading.spaced:
            return entry.search(token) is not None
        return entry.fullmatch(token) is not None or entry.fullmatch(self.bare(token)) is not None

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Words by which a text is told to be in this language."""
        table = self.reading
        phrases = [*table.yes, *table.no, *table.exists, *table.so, *table.but, *table.either, *table.option_words]
        return self.silent.union(word for phrase in phrases for word in words_in(phrase))

    @cached_property
    def none_of(self) -> re.Pattern[str]:
        """What says that no option fits."""
        return self._anywhere(map(spelt, self.reading.none_of))

    @cached_property
    def joint(self) -> str:
        """A pattern of what joins two options."""
        return rf"(?:{either(self.reading.either) or '(?!)'}){self._end}"

    @cached_property
    def article(self) -> str:
        """A pattern of an article."""
        return f"(?:{either(self.open.articles) or '(?!)'})"

    @cached_property
    def named_before(self) -> str:
        """A pattern of what stands before an option's letter, with an article between or not."""
        words = self.reading
        pieces = [*words.leads, *map(spelt, (*words.so, *words.option_words))]
        articles, copulas = either(self.open.articles), either(self.open.copulas)
        joined = "|".join(sorted(pieces, key=len, reverse=True)) or "(?!)"
        between = rf"(?:(?:{copulas})\s+)?" if copulas else ""
        between += rf"(?:(?:{articles})[\s:]*)?" if articles else ""
        return rf"{self._start}(?:{joined})[\s:,–-]*{between}"

    @cached_property
    def _letter_forms(self) -> list[tuple[re.Pattern[str], str]]:
        forms = self.reading.letter_forms.items()
        return [(re.compile(rf"{self._start}(?:{form}){self._end}"), letter) for form, letter in forms]

    def with_letters(self, text: str) -> str:
        """Write an option's letter as the usual one: of another alphabet, or with an ending glued to it."""
        for pattern, letter in self._letter_forms:
            text = pattern.sub(letter, text)
        return text

    @cached_property
    def _led(self) -> re.Pattern[str]:
        articles = either(self.open.articles)
        alone = rf"|{self._start}(?:{articles})\s+" if articles else ""
        return re.compile(rf"(?:{self.named_before}{alone})$")

    def is_led(self, before: str, by_article: bool = True) -> bool:
        """Whether what stands before a letter says that it is an option's: "the answer is", "option", "la".

        Args:
            before: What stands before it, in lower case.
            by_article: Whether an article alone does: it does before a letter, not before an option's text.
        """
        return (self._led if by_article else self._led_by_words).search(before) is not None

    @cached_property
    def _led_by_words(self) -> re.Pattern[str]:
        return re.compile(rf"{self.named_before}$")

    @cached_property
    def right_after(self) -> re.Pattern[str]:
        """What stands behind the letter of an option that is chosen."""
        return re.compile(rf"\s*(?:{either(self.reading.right) or '(?!)'}){self._end}")

    @cached_property
    def _so(self) -> re.Pattern[str]:
        return self._anywhere(map(spelt, self.reading.so))

    def concludes(self, before: str) -> bool:
        """Whether what stands before a letter brings a conclusion."""
        return self._so.search(before[-_NEAR_CHARACTERS:]) is not None

    def is_denied(self, before: str, after: str) -> bool:
        """Whether a letter is denied by a few words before or behind it, in its own clause.

        Args:
            before: What stands before it, in lower case.
            after: What stands behind it.
        """
        own = _CLAUSE_END.split(before)[-1]
        if cuts := list(self.cuts.finditer(own)):
            own = own[cuts[-1].end() :]
        behind = _CLAUSE_END.split(after)[0]
        if cut := self.cuts.search(behind):
            behind = behind[: self.cut_place(cut)]
        near, behind = " ".join(own.split()[-_NEAR_WORDS:]), " ".join(behind.split()[:_NEAR_BEHIND])
        if not self.reading.spaced:
            near, behind = near[-_NEAR_UNSPACED:], behind[:_NEAR_UNSPACED]
        is_denied_before = not self.reading.denies_behind and self.is_negated(near + " x")
        return is_denied_before or self.is_negated("x " + behind)

    def is_negated(self, clause: str) -> bool:
        """Whether a clause denies what it speaks of; two denials of unlike kinds affirm, unless they are one word."""
        left = self.not_negation.sub(" ", clause)
        absent = self.absent.search(left)
        others = left if absent is None else self.absent.sub(" ", left)
        if absent is not None and self.negation.search(others) is None:
            return True
        return (self.negation.search(left) is not None) != (absent is not None)

    def without_denial(self, clause: str) -> str:
        """Return a clause without the words that deny it."""
        return self.negation.sub(" ", self.absent.sub(" ", clause))

    def denies(self, clause: str) -> bool:
        """Whether a clause has a negation."""
        return self.negation.search(self.not_negation.sub(" ", clause)) is not None


_compiled: dict[str, Words] = {}


def words_of_language(language: str) -> Words:
    """Return the words of a language.

    Raises:
        ConfigError: How answers are read isn't known in this language.
    """
    knowledge = known(language)
    if knowledge.reading is None:
        raise ConfigError(
            f"how answers are read isn't known in {language!r}. Known are {', '.join(languages_with('reading'))}. "
            f"Write it into a file languages/{language}.toml of your own (passerelle languages {language} --start "
            f"languages/{language}.toml begins one) and name its folder by --languages; or choose --method pmi, which "
            "compares likelihoods and reads nothing; or have a model read the answers, --reader llm:MODEL@URL."
        )
    found = _compiled.get(language)
    if found is None or found.knowledge is not knowledge:
        found = _compiled[language] = Words(knowledge)
    return found


def is_read(language: str) -> bool:
    """Whether it is known how answers are read in a language."""
    return known(language).reading is not None


def _forms(entry: str) -> re.Pattern[str]:
    """Return a pattern for the forms of a word: "red|reddish", "blu*"."""
    return re.compile(re.escape(entry).replace(r"\|", "|").replace(r"\*", r"\w*"))
