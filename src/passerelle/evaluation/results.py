"""From answers to figures: measures of each system, benchmark and language, comparisons, and what gaps are made of."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from passerelle.evaluation.asking.asking import Answered
from passerelle.evaluation.asking.prompts import prompt_of
from passerelle.evaluation.benchmarks.base import DecidedAnswer, Decision, Item, Measure, Parser
from passerelle.evaluation.benchmarks.languages import consistency_measure, fidelity_measures
from passerelle.evaluation.benchmarks.scoring import GENERATE
from passerelle.evaluation.reading import Test
from passerelle.evaluation.statistics.figures import (
    Comparison,
    Figure,
    Gap,
    Sides,
    compare_measures,
    corrected,
    figure_of,
    split_gap,
)
from passerelle.evaluation.unread import Measured, Reading, choose_readings, warnings
from passerelle.languages.contrast import refusal
from passerelle.records import Answer

ENGLISH = "en"


@dataclass(frozen=True)
class Said:
    """What a system said to a benchmark in one language, by seed.

    Attributes:
        test: The benchmark.
        seeds: What was said.
        decided: What people or a model say of answers that rules left unread: by question, for each seed.
    """

    test: Test
    seeds: tuple[Answered, ...]
    decided: tuple[Mapping[str, Decision], ...] = ()

    @property
    def method(self) -> str:
        """How it was answered: by the test's method, as far as the benchmark has options."""
        return self.test.method if self.test.benchmark.kind in ("choice", "yes-no") else GENERATE

    def answered(self) -> set[str]:
        """Return the ids of questions that every seed answered; of a group either all or none."""
        ids = set.intersection(*({*seed.kept} for seed in self.seeds)) & {item.id for item in self.test.items}
        torn = {item.group for item in self.test.items if item.group and item.id not in ids}
        return {item.id for item in self.test.items if item.id in ids and (not item.group or item.group not in torn)}

    def missing(self) -> int:
        """Return how many questions aren't counted."""
        return len(self.test.missing) + len(self.test.items) - len(self.answered())

    def items(self, ids: Collection[str]) -> list[Item]:
        """Return the items of some ids, in an order that is the same in every language."""
        return sorted((item for item in self.test.items if item.id in ids), key=lambda item: item.id)

    def answer(self, seed: int, question: str) -> Answer:
        """Return what a seed, counted from 0, said to a question, with what was decided of it."""
        answer, decision = self.seeds[seed].kept[question].answer, self.decision(seed, question)
        return answer if decision is None else DecidedAnswer(**vars(answer), decision=decision)

    def decision(self, seed: int, question: str) -> Decision | None:
        """Return what was decided of what a seed said to a question, if rules left it unread."""
        return self.decided[seed].get(question) if self.decided else None

    def by_answer(self, parser: Parser, measured: Sequence[list[Measure]] | None = None) -> list[Measure] | None:
        """Return, of each seed, the measure that says of every single answer how a parser read it.

        Args:
            parser: Which one.
            measured: The measures of all that was answered, where they are known.
        """
        ids = self.answered()
        for seeds in measured if measured is not None else self.measures(ids, with_language=False) if ids else []:
            one = seeds[0]
            if one.parser in ("", parser) and not one.subtask and one.chosen is not None and set(one.units) == ids:
                return seeds
        return None

    def measures(self, ids: Collection[str], *, with_language: bool = True) -> list[list[Measure]]:
        """Return each measure of some of the items, for every seed; those of the answers' language only if wanted."""
        items = self.items(ids)
        by_seed = []
        for number in range(len(self.seeds)):
            answers = [self.answer(number, item.id) for item in items]
            found = self.test.benchmark.score(items, answers, self.method, self.test.rules)
            if with_language and self.method == GENERATE and self.test.benchmark.kind != "choice":
                prompts = [prompt_of(item, self.test.benchmark, False, is_asked=False) for item in items]
                found += fidelity_measures(items, answers, prompts)
            by_seed.append(found)
        return [list(seeds) for seeds in zip(*by_seed, strict=True)]


@dataclass
class Results:
    """All figures of a run.

    Attributes:
        figures: Every figure, by both readings where there are two.
        comparisons: Differences, by the reading that counts.
        gaps: What distances to English are made of.
        notes: What couldn't be asked or read, for people.
        readings: Which reading counts, by benchmark and language.
        warnings: What whoever sees a headline score has to know of it.
    """

    figures: list[Figure] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    readings: dict[tuple[str, str], Reading] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def parser(self, benchmark: str, language: str) -> Parser:
        """Return by which parser answers to a benchmark count, where there are two."""
        found = self.readings.get((benchmark, language))
        return found.parser if found else "localised"


Everything = Mapping[str, Mapping[str, Mapping[str, Said]]]
"""What was said, by system, benchmark and language."""


def unjudged(said: Everything) -> Iterator[str]:
    """Say of which languages fidelity isn't scored, and why."""
    asked = {code: None for benchmarks in said.values() for languages in benchmarks.values() for code in languages}
    yield from (f"fidelity in {code!r} isn't scored: {reason}" for code in asked if (reason := refusal(code)))


def put_together(
    said: Everything,
    suspects: Mapping[str, Collection[str]],
    references: Sequence[str],
    pairs: Sequence[tuple[str, str]] = (),
    apart: Collection[str] = (),
) -> Results:
    """Compute all figures of a run.

    Args:
        said: What was said.
        suspects: Ids of suspect items, by benchmark; those under an empty name are suspect in each.
        references: The systems that all others are compared with; every pair is compared if there is none.
        pairs: Other systems that are compared.
        apart: Systems that are compared in these pairs only, and not between languages.
    """
    measured = {
        (system, name, language): each.measures(ids)
        for system, benchmarks in said.items()
        for name, languages in benchmarks.items()
        for language, each in languages.items()
        if (ids := each.answered())
    }
    results = Results(readings=choose_readings(measured))
    for system, benchmarks in said.items():
        for name, languages in benchmarks.items():
            for language, each in languages.items():
                results.figures += _figures(results, system, name, language, each, measured)
            results.figures += _consistency(results, system, name, languages)
            if system in apart:
                continue
            results.comparisons += _between_languages(results, system, name, languages)
            marked = {*suspects.get("", ()), *suspects.get(name, ())}
            results.gaps += _gaps(system, name, languages, marked)
    results.comparisons += _between_systems(results, said, references, pairs, apart)
    results.comparisons = corrected(results.comparisons)
    results.warnings = warnings(results.figures, results.readings.values())
    return results


def _figures(
    results: Results, system: str, name: str, language: str, said: Said, measured: Measured
) -> Iterator[Figure]:
    """Make the figures of a system; those by the reading that doesn't count are no headline."""
    parser = results.parser(name, language)
    for seeds in measured.get((system, name, language), ()):
        figure = figure_of(seeds, system=system, benchmark=name, language=language, missing=said.missing())
        if figure.value == figure.value:
            used = figure.parser in ("", parser)
            yield replace(figure, used=used, headline=figure.headline and used)


def headline_of(measures: Sequence[list[Measure]], parser: str) -> list[Measure] | None:
    """Return the measure that a benchmark is known by, read by one parser if there are two."""
    found = next((seeds for seeds in measures if seeds[0].headline), None)
    if found is None or not found[0].parser:
        return found
    same = (found[0].metric, found[0].subtask, parser)
    return next((s for s in measures if (s[0].metric, s[0].subtask, s[0].parser) == same), found)


def _between_systems(
    results: Results,
    said: Everything,
    references: Sequence[str],
    more: Sequence[tuple[str, str]],
    apart: Collection[str],
) -> Iterator[Comparison]:
    known = [*_pairs([name for name in said if name not in apart], references)]
    known += [pair for pair in more if pair not in known and pair[::-1] not in known]
    for first, second in (pair for pair in known if set(pair) <= said.keys()):
        for name in said[first]:
            for language, one in said[first][name].items():
                if (other := said[second][name].get(language)) is not None:
                    parser = results.parser(name, language)
                    yield from _compared(one, other, (first, second), name, language, (parser, parser))


def _pairs(systems: Sequence[str], references: Sequence[str]) -> Iterator[tuple[str, str]]:
    if not references:
        yield from combinations(systems, 2)
    for number, reference in enumerate(references):
        yield from ((name, reference) for name in systems if name != reference and name not in references[:number])


def _between_languages(results: Results, system: str, name: str, languages: Mapping[str, Said]) -> Iterator[Comparison]:
    """Compare each language with English; captions of two languages have no common measure."""
    english = languages.get(ENGLISH)
    if english is None or english.test.benchmark.kind in ("caption", "chat"):
        return
    for code, said in languages.items():
        if code != ENGLISH:
            names = (f"{system} {code}", f"{system} {ENGLISH}")
            parsers = (results.parser(name, code), results.parser(name, ENGLISH))
            yield from _compared(said, english, names, name, f"{code}-{ENGLISH}", parsers)


def _compared(
    one: Said, other: Said, names: tuple[str, str], name: str, language: str, parsers: tuple[Parser, Parser]
) -> Iterator[Comparison]:
    shared = one.answered() & other.answered()
    if not shared:
        return
    first, second = headline_of(one.measures(shared), parsers[0]), headline_of(other.measures(shared), parsers[1])
    if first and second and first[0].units == second[0].units:
        found = compare_measures(first, second, names=names, benchmark=name, language=language)
        if found is not None:
            yield found


def _consistency(results: Results, system: str, name: str, languages: Mapping[str, Said]) -> Iterator[Figure]:
    for (first, one), (second, other) in combinations(languages.items(), 2):
        shared = one.answered() & other.answered()
        if not shared or one.test.benchmark.kind in ("caption", "chat"):
            continue
        a = _readable(one.measures(shared), results.parser(name, first))
        b = _readable(other.measures(shared), results.parser(name, second))
        if a is None or b is None:
            continue
        made = [consistency_measure(x, y, (first, second)) for x, y in zip(a, b, strict=False)]
        seeds = [measure for measure in made if measure is not None]
        if seeds:
            missing = max(one.missing(), other.missing())
            yield figure_of(seeds, system=system, benchmark=name, language=f"{first}-{second}", missing=missing)


def _readable(measures: Sequence[list[Measure]], parser: Parser) -> list[Measure] | None:
    return next(
        (s for s in measures if s[0].chosen is not None and not s[0].subtask and s[0].parser in ("", parser)), None
    )


def _gaps(system: str, name: str, languages: Mapping[str, Said], marked: Collection[str]) -> Iterator[Gap]:
    english = languages.get(ENGLISH)
    if english is None or english.test.benchmark.kind in ("caption", "chat"):
        return
    for code, said in languages.items():
        shared = said.answered() & english.answered()
        if code == ENGLISH or not shared:
            continue
        sides = _sides(english, said, shared)
        bad = {item.id for item in said.items(shared) if item.id in marked or item.group in marked}
        clean = _sides(english, said, shared - bad) if bad and shared - bad else None
        if sides is not None:
            units = set(sides.english_localised[0].units)
            dropped = units - set(clean.english_localised[0].units) if clean else set()
            yield split_gap(sides, clean, dropped, system=system, benchmark=name, language=code)


def _sides(english: Said, other: Said, ids: Collection[str]) -> Sides | None:
    a, b = english.measures(ids), other.measures(ids)
    found = [headline_of(m, parser) for m in (a, b) for parser in ("published", "localised")]
    if any(each is None for each in found) or found[0][0].units != found[2][0].units:  # type: ignore[index]
        return None
    return Sides(*found)  # type: ignore[arg-type]
