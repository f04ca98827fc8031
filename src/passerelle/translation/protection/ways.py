"""Ask an engine for segments, one way after the other, until the answer is sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Literal

from passerelle.errors import RunError
from passerelle.translation.base import Translator, why_lost
from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.placeholders import Encoded, Form, decode, encode, probe
from passerelle.translation.protection.protect import MASK
from passerelle.translation.protection.segments import Segment
from passerelle.translation.protection.verify import verify

Way = Literal["engine", "other-placeholder", "around", "lexicon", "phrasebook", "unchanged", "glossary"]

_SENTENCE_MARKS = ".!?…。！？"


@dataclass(frozen=True)
class Answer:
    """What became of a segment.

    Attributes:
        text: The translation with its parts restored; ``None`` where every way failed.
        way: The way that led to it, or the last one tried.
        reason: Why the last way failed.
        detail: The same for people.
        asked: All that the engine was asked for it.
    """

    text: str | None
    way: Way = "engine"
    reason: str = ""
    detail: str = ""
    asked: tuple[str, ...] = field(default=(), compare=False)


class Asker:
    """Asks one engine.

    The ways: with placeholders in the form that the engine keeps best, numbers as they are; in the next form,
    numbers hidden too; around the parts, each stretch between two parts by itself.
    """

    def __init__(self, engine: Translator, glossary: Glossary | None, forms: tuple[Form, ...] | None = None) -> None:
        """Take the engine, the terms that its answers are checked for, and the forms if they are known."""
        self._engine = engine
        self._glossary = glossary
        self._known_forms = forms
        self._only_remembers = getattr(engine, "only_remembers", False)

    @cached_property
    def forms(self) -> tuple[Form, ...]:
        """Forms that the engine keeps, best first."""
        return probe(self._engine) if self._known_forms is None else self._known_forms

    def answer(self, segments: Iterable[Segment]) -> dict[Segment, Answer]:
        """Translate segments; each way asks the engine once for all that are left."""
        answers: dict[Segment, Answer] = {}
        left = list(dict.fromkeys(segments))
        tried: dict[Segment, tuple[str, ...]] = {}
        step = 0
        while left and (asked := {segment: found for segment in left if (found := self._encoded(segment, step))}):
            translations = self._ask(found.text for found in asked.values())
            for segment, found in asked.items():
                tidy = _tidy(found.text, translations[found.text])
                way: Way = "other-placeholder" if step and not self._only_remembers else "engine"
                tried[segment] = (*tried.get(segment, ()), found.text)
                answers[segment] = self._checked(segment, decode(tidy, found) if tidy else "", way, tried[segment])
            left = [s for s in left if s.parts and (s not in answers or answers[s].text is None)]
            step += 1
        stretches = {segment: _stretches(segment) for segment in left}
        translations = self._ask(ask for cut in stretches.values() for ask, _ in cut if ask)
        for segment, cut in stretches.items():
            whole = all(translations[ask].strip() for ask, _ in cut if ask)
            joined = "".join(_joined(cut, translations)) if whole else ""
            tried[segment] = (*tried.get(segment, ()), *(ask for ask, _ in cut if ask))
            answers[segment] = self._checked(segment, joined, "around", tried[segment])
        return answers

    def _encoded(self, segment: Segment, step: int) -> Encoded | None:
        """Write a segment as it is asked at a step; ``None`` where nothing is left to try."""
        return next(islice(self._candidates(segment), step, None), None)

    def _candidates(self, segment: Segment) -> Iterator[Encoded]:
        """Yield what is asked for a segment, one after the other: the best form, then the next with numbers hidden too.

        What only remembers knows a sentence as some engine was asked for it, whichever form that one kept best; asking
        it costs nothing, so all forms are tried.
        """
        most = None if self._only_remembers else 1
        hidden = self._in_each_form(segment, hide_numbers=True)
        if all(part.role == "number" for part in segment.parts):
            yield Encoded(segment.source)
        else:
            yield from islice(self._in_each_form(segment, hide_numbers=False), most)
            if not self._only_remembers:
                next(hidden, None)  # that form served already
        if segment.parts:
            yield from islice(hidden, most)

    def _in_each_form(self, segment: Segment, *, hide_numbers: bool) -> Iterator[Encoded]:
        for form in self.forms:
            if (found := encode(segment, form, hide_numbers=hide_numbers)) is not None:
                yield found

    def _ask(self, texts: Iterable[str]) -> dict[str, str]:
        unique = list(dict.fromkeys(texts))
        if not unique:
            return {}
        translations = self._engine.translate(unique)
        if len(translations) != len(unique):
            raise RunError(
                f"the engine {self._engine.signature!r} gave {len(translations)} translations for {len(unique)} texts; "
                "it must give one for each. Choose another engine."
            )
        return dict(zip(unique, translations, strict=True))

    def _checked(self, segment: Segment, translation: str | None, way: Way, asked: tuple[str, ...]) -> Answer:
        if translation is None:
            return Answer(None, way, "lost-placeholder", f"in {segment.source[:80]!r}", asked)
        if not translation.strip():
            lost = next(filter(None, (why_lost(self._engine, text) for text in reversed(asked))), None)
            detail = f"no translation came of {segment.source[:80]!r}"
            if lost is None:
                return Answer(None, way, "not-translated", detail, asked)
            return Answer(None, way, lost.reason, f"{detail}: {lost.detail}", asked)
        if segment.is_inside:
            translation = _fitted(segment.source, translation)
        violations = verify(segment.source, translation, self._glossary, self._engine.source)
        if violations:
            return Answer(None, way, violations[0].code, violations[0].detail, asked)
        return Answer(translation, way, asked=asked)


def _tidy(asked: str, translation: str) -> str:
    """Take blanks off the ends; give back a sentence mark that the engine took."""
    text = translation.strip()
    if asked[-1:] in _SENTENCE_MARKS and text[-1:].isalnum():
        text += asked[-1:]
    return text


def _stretches(segment: Segment) -> list[tuple[str, str]]:
    """Cut a segment at its parts: (what to ask, what to keep), where one of both is empty."""
    cut: list[tuple[str, str]] = []
    parts = iter(segment.parts)
    for number, piece in enumerate(segment.masked.split(MASK)):
        if number:
            cut.append(("", next(parts).becomes))
        core = piece.strip()
        if any(character.isalpha() for character in core):
            before, _, after = piece.partition(core)
            cut += [("", before), (core, ""), ("", after)]
        else:
            cut.append(("", piece))
    return cut


def _joined(cut: Sequence[tuple[str, str]], translations: dict[str, str]) -> Iterator[str]:
    for ask, keep in cut:
        yield _fitted(ask, translations[ask].strip()) if ask else keep


def _fitted(stretch: str, translation: str) -> str:
    """Take off the capital and the full stop that engines give to what they think a sentence."""
    if translation[-1:] == "." and stretch[-1:] != ".":
        translation = translation[:-1]
    if stretch[:1].islower() and translation[:1].isupper() and not translation[:2].isupper():
        translation = translation[:1].lower() + translation[1:]
    return translation
