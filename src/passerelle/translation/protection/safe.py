"""Translate without breaking anything: protect, translate, restore, verify; reject what can't be kept whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, cast

from passerelle.languages.lexicon import look_up, read_lexicon
from passerelle.languages.phrasebook import Phrasebook
from passerelle.translation.base import Translator
from passerelle.translation.memory.known_texts import KnownTexts, RowText
from passerelle.translation.memory.whole_texts import Whole, asked_digest
from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.json_texts import Inner, Piece, joined, split_json
from passerelle.translation.protection.known import KnownSentences
from passerelle.translation.protection.options import Options, find_collision
from passerelle.translation.protection.placeholders import Form
from passerelle.translation.protection.protect import is_letter_reply
from passerelle.translation.protection.segments import Item, Known, Phrase, Plan, Segment, cut, flat
from passerelle.translation.protection.verify import verify
from passerelle.translation.protection.ways import Answer, Asker, Way

_WAYS_BY_EFFORT: tuple[Way, ...] = (
    "unchanged",
    "lexicon",
    "phrasebook",
    "glossary",
    "engine",
    "other-placeholder",
    "around",
)
_COLLIDE = "options-collide"


class Field(Protocol):
    """One text of a row; `passerelle.formats` makes them."""

    @property
    def place(self) -> str:
        """Where it stands in the row."""
        ...

    @property
    def text(self) -> str:
        """The text itself."""
        ...

    @property
    def kind(self) -> str:
        """``text``, ``option``, ``answer`` or ``yes-no``."""
        ...


@dataclass(slots=True)
class Outcome:
    """What became of a text.

    Attributes:
        text: The translation; ``None`` if it was rejected.
        reason: Code of why it was rejected; `docs/reference/protection.md` lists them.
        detail: The same for people.
        way: The most laborious way that one of its sentences needed.
        segments: How many of its sentences needed the engine or the memory.
        asked: `asked_digest` of all that engine or memory were asked for it.
    """

    text: str | None
    reason: str = ""
    detail: str = ""
    way: Way = "engine"
    segments: int = field(default=0, compare=False)
    asked: bytes = field(default=b"", compare=False)


class SafeTranslator:
    """Translates texts so that every invariant of `verify` holds, or says why it can't.

    Attributes:
        source: The engine's source language.
        target: The engine's target language.
        signature: The engine's signature.
    """

    def __init__(
        self,
        engine: Translator,
        *,
        glossary: Glossary | None = None,
        lexicon: Mapping[str, str] | None = None,
        fallback: Translator | None = None,
        forms: tuple[Form, ...] | None = None,
        texts: KnownTexts | None = None,
        phrasebook: Phrasebook | None = None,
    ) -> None:
        """Put the checks around an engine.

        Args:
            engine: The engine, best with a memory before it.
            glossary: Terms that stay or have a fixed translation.
            lexicon: Words for yes and no, in lower case; the shipped ones if ``None``.
            fallback: Another engine, asked where this one's answers can't be used.
            forms: Forms of placeholders to use; those that the engine keeps if ``None``.
            texts: Whole texts that were translated and checked before with these very settings.
            phrasebook: Sentences that are known; those that ship if ``None``. A person's translation in the memory
                wins over them.
        """
        self.source, self.target, self.signature = engine.source, engine.target, engine.signature
        self._glossary = glossary
        self._lexicon = read_lexicon(engine.source, engine.target) if lexicon is None else lexicon
        self._sentences = KnownSentences(engine.source, engine.target, self._lexicon, phrasebook)
        self._by_people = getattr(engine, "by_people", None)
        self._asker = Asker(engine, glossary, forms)
        self._texts = texts
        self._fallback = (
            SafeTranslator(fallback, glossary=glossary, lexicon=self._lexicon, phrasebook=self._sentences.phrasebook)
            if fallback is not None
            else None
        )

    def translate(self, texts: Sequence[str]) -> list[Outcome]:
        """Translate each text.

        The engine is asked once for all sentences of all texts, each once, and once more for each way that is
        needed for those that failed.

        Args:
            texts: Any texts.

        Returns:
            One outcome for each, in order.

        Raises:
            RunError: The engine doesn't give one translation for each text.
        """
        return self._translate([RowText(text) for text in texts])

    def translate_rows(self, rows: Sequence[Sequence[Field]]) -> list[dict[str, Outcome]]:
        """Translate the fields of rows, options first.

        An option is translated alike in all of its row: as an option, as the answer, and where it is a line of
        a text or follows an option's letter there.

        Args:
            rows: The fields of each row.

        Returns:
            For each row, outcome by place. Where different options became the same, also with the fallback
            engine, all fields of the row are rejected (``options-collide``).
        """
        options = [list(dict.fromkeys([field.text for field in row if field.kind == "option"])) for row in rows]
        if not any(options):
            return self._translate_texts(rows)
        known = self._translate_options(options)
        tables = [_table(outcomes) for outcomes in known]
        jobs = [
            RowText(field.text, table)
            for row, outcomes, table in zip(rows, known, tables, strict=True)
            for field in row
            if field.text not in outcomes
        ]
        others = dict(zip(jobs, self._translate(jobs), strict=True))
        return [
            _row_outcomes(row, outcomes, table, others)
            for row, outcomes, table in zip(rows, known, tables, strict=True)
        ]

    def _translate_texts(self, rows: Sequence[Sequence[Field]]) -> list[dict[str, Outcome]]:
        """Translate the fields of rows that have no options, as most have none."""
        texts = list(dict.fromkeys([field.text for row in rows for field in row]))
        outcomes = dict(zip(texts, self.translate(texts), strict=True))
        return [{field.place: outcomes[field.text] for field in row} for row in rows]

    def _translate_options(self, rows: Sequence[Sequence[str]]) -> list[dict[str, Outcome]]:
        """Translate the options of each row; those of a row that collide, with the fallback engine."""
        unique = list(dict.fromkeys(option for row in rows for option in row))
        first = dict(zip(unique, self.translate(unique), strict=True))
        known = [{option: first[option] for option in row} for row in rows]
        colliding = [number for number, outcomes in enumerate(known) if _collision(outcomes)]
        if colliding and self._fallback is not None:
            unique = list(dict.fromkeys(option for number in colliding for option in rows[number]))
            second = dict(zip(unique, self._fallback.translate(unique), strict=True))
            for number in colliding:
                known[number] = {option: second[option] for option in rows[number]}
        for number in colliding:
            if detail := _collision(known[number]):
                known[number] = dict.fromkeys(rows[number], Outcome(None, _COLLIDE, detail))
        return known

    def _translate(self, jobs: Sequence[RowText]) -> list[Outcome]:
        outcomes: dict[RowText, Outcome] = {}
        unknown: list[RowText] = []
        for job in dict.fromkeys(jobs):
            outcome = self._without_engine(job.text)
            if outcome is not None:
                outcomes[job] = outcome
            else:
                unknown.append(job)
        outcomes.update(self._translate_unknown(unknown) if self._texts is None else self._recalled(unknown))
        return [outcomes[job] for job in jobs]

    def _recalled(self, jobs: Sequence[RowText]) -> dict[RowText, Outcome]:
        """Take what is known of whole texts; translate the others, and keep what can be used."""
        assert self._texts is not None
        outcomes = {
            job: Outcome(translation, "", "", cast(Way, way), segments)
            for job, (translation, way, segments, _) in self._texts.find(jobs).items()
        }
        if len(outcomes) < len(jobs):
            unknown = [job for job in jobs if job not in outcomes]
            corrections = self._texts.corrections()
            made = self._translate_unknown(unknown)
            sound = {
                job: Whole(found.text, found.way, found.segments, found.asked)
                for job, found in made.items()
                if found.text is not None
            }
            self._texts.keep(sound, corrections)
            outcomes.update(made)
        return outcomes

    def _translate_unknown(self, jobs: Sequence[RowText]) -> dict[RowText, Outcome]:
        """Translate different texts, those that are JSON value by value."""
        shaped = {job: pieces for job in jobs if (pieces := split_json(job.text))}
        if not shaped:
            return self._translate_sentences(jobs)
        inner = {job: [RowText(p.text, job.options) for p in shaped[job] if isinstance(p, Inner)] for job in shaped}
        asked = [text for texts in inner.values() for text in texts]
        known = dict(zip(asked, self._translate(asked), strict=True))
        outcomes = self._translate_sentences([job for job in jobs if job not in shaped])
        for job, pieces in shaped.items():
            outcomes[job] = self._put_together(job, pieces, [known[text] for text in inner[job]])
        return outcomes

    def _put_together(self, job: RowText, pieces: list[Piece], used: Sequence[Outcome]) -> Outcome:
        """Put a text with JSON together from the outcomes of the texts in it."""
        failed = next((outcome for outcome in used if outcome.text is None), None)
        segments, asked = sum(outcome.segments for outcome in used), b"".join(outcome.asked for outcome in used)
        if failed is not None:
            return replace(failed, segments=segments, asked=asked)
        texts = iter(outcome.text or "" for outcome in used)
        way = max((outcome.way for outcome in used), key=_WAYS_BY_EFFORT.index)
        return self._verified(job.text, joined(pieces, lambda piece: next(texts)), way, segments, asked)

    def _translate_sentences(self, jobs: Sequence[RowText]) -> dict[RowText, Outcome]:
        """Translate different texts sentence by sentence; what fails, with the fallback engine."""
        plans = self._planned(jobs)
        answers = self._asker.answer(i for plan in plans.values() for i in plan.items if isinstance(i, Segment))
        outcomes = {job: self._joined(job.text, plan, answers) for job, plan in plans.items()}
        failed = [job for job, outcome in outcomes.items() if outcome.text is None]
        if failed and self._fallback is not None:
            for job, outcome in zip(failed, self._fallback._translate(failed), strict=True):
                if outcome.text is not None:
                    outcomes[job] = replace(outcome, asked=outcomes[job].asked + outcome.asked)
        return outcomes

    def _planned(self, jobs: Sequence[RowText]) -> dict[RowText, Plan]:
        """Cut texts, and take people's own translations for the phrases that the memory has them for."""
        cuts = {job: self._cut(job) for job in jobs}
        phrases = {item.source for items in cuts.values() for item in items if isinstance(item, Phrase)}
        own = self._by_people(phrases) if phrases and self._by_people is not None else frozenset()
        return {job: flat(items, own) for job, items in cuts.items()}

    def _cut(self, job: RowText) -> list[Item]:
        return cut(job.text, self.source, self._glossary, self._known(job.options), self._sentences.find)

    def _without_engine(self, text: str) -> Outcome | None:
        """Settle what no engine is needed for: nothing to read, an option's letter, a bare yes or no."""
        if not text.strip() or is_letter_reply(text):
            return Outcome(text, way="unchanged")
        reply = look_up(text, self._lexicon)
        return None if reply is None else self._verified(text, reply, "lexicon")

    def _known(self, options: Options | None) -> Known | None:
        """What whole lines become: an option of the row, a bare yes or no."""
        if options is None:
            return partial(look_up, lexicon=self._lexicon) if self._lexicon else None
        return lambda line: found if (found := options.find(line)) is not None else look_up(line, self._lexicon)

    def _joined(self, text: str, plan: Plan, answers: Mapping[Segment, Answer]) -> Outcome:
        """Put a text together from its segments' answers and what stayed."""
        items = plan.items
        used = [answers[item] for item in items if isinstance(item, Segment)]
        asked = b"".join(asked_digest(self.signature, one) for answer in used for one in answer.asked)
        for answer in used:
            if answer.text is None:
                return Outcome(None, answer.reason, answer.detail, answer.way, len(used), asked)
        joined = "".join(item if isinstance(item, str) else answers[item].text or "" for item in items)
        if len(items) == 1 and used and isinstance(items[0], Segment) and items[0].source == text:
            return Outcome(joined, way=used[0].way, segments=1, asked=asked)  # verified as a segment
        ways: list[Way] = [*(answer.way for answer in used), *plan.ways]
        way = max(ways, key=_WAYS_BY_EFFORT.index, default=self._way_without(text, joined))
        return self._verified(text, joined, way, len(used), asked)

    def _way_without(self, text: str, joined: str) -> Way:
        if text == joined:
            return "unchanged"
        return "glossary" if self._glossary is not None else "lexicon"

    def _verified(self, text: str, translation: str, way: Way, segments: int = 0, asked: bytes = b"") -> Outcome:
        violations = verify(text, translation, self._glossary, self.source)
        if violations:
            return Outcome(None, violations[0].code, violations[0].detail, way, segments, asked)
        return Outcome(translation, way=way, segments=segments, asked=asked)


def _collision(outcomes: Mapping[str, Outcome]) -> str:
    """Say which different options have become the same; empty if none."""
    pair = find_collision({option: found.text for option, found in outcomes.items() if found.text is not None})
    return f"{pair[0][:80]!r} and {pair[1][:80]!r} became the same" if pair else ""


def _table(outcomes: Mapping[str, Outcome]) -> Options | None:
    if not outcomes:
        return None
    return Options({option: found.text for option, found in outcomes.items() if found.text is not None})


def _row_outcomes(
    row: Sequence[Field], known: Mapping[str, Outcome], table: Options | None, others: Mapping[RowText, Outcome]
) -> dict[str, Outcome]:
    """Give each place its outcome; all are rejected if the row's options collide."""
    collided = next((outcome for outcome in known.values() if outcome.reason == _COLLIDE), None)
    return {field.place: collided or known.get(field.text) or others[RowText(field.text, table)] for field in row}
