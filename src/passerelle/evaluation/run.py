"""`passerelle evaluate`: from benchmarks and models to answers, figures and files."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from passerelle.costs.book import part
from passerelle.errors import ConfigError, StorageError, unknown
from passerelle.evaluation.asking.asking import Answered, ask
from passerelle.evaluation.asking.deciding import ModelReader, decide, sentences
from passerelle.evaluation.asking.journal import Journal
from passerelle.evaluation.asking.labelled import read_labels
from passerelle.evaluation.asking.members import Member, System
from passerelle.evaluation.asking.predictions import answers_to, read_predictions
from passerelle.evaluation.asking.suspects import SUSPECT_BELOW, read_suspects
from passerelle.evaluation.asking.systems import forget_loaded, open_system
from passerelle.evaluation.benchmarks.base import Item
from passerelle.evaluation.benchmarks.scoring import GENERATE
from passerelle.evaluation.metrics.choice import as_rule
from passerelle.evaluation.parsing.peers import checked_rules
from passerelle.evaluation.reading import Test, read_test
from passerelle.evaluation.results import ENGLISH, Everything, Results, Said, put_together, unjudged
from passerelle.evaluation.specification import Named, Planned, parse_languages, parse_named, parse_sources
from passerelle.evaluation.writing import write_results
from passerelle.languages.knowledge import known_languages
from passerelle.models.families import known_families
from passerelle.progress import Progress, say
from passerelle.runs import content_hash, held, remove_leftovers
from passerelle.translation.lent import close_engines


@dataclass(frozen=True)
class Options:
    """What is to be evaluated.

    Attributes:
        models: Specifications of models, each with ``NAME=`` before it or not.
        benchmarks: ``NAME=PATH``, ``NAME:LANGUAGE=PATH`` or ``PATH``.
        languages: Codes with commas between.
        method: ``generate``, or ``sum``, ``mean``, ``pmi``, ``pmi-mean`` for the likelihood of options.
        predictions: Files of answers, each with ``NAME=`` before it or not.
        images: The image folder.
        out: Where answers and results are kept.
        suspects: File that names suspect items.
        references: The systems that all others are compared with; every pair if empty.
        limit: Only so many questions of each benchmark, the first ones, whole groups.
        planned: Benchmarks in more detail than `benchmarks` can say, in place of them.
        pairs: Systems that are compared beside those with a reference, first minus second.
        images_anywhere: Whether pictures may lie outside of the image folder.
        families: TOML with families of models of one's own.
        languages_folder: Folder with files of languages of one's own.
        reader: A model that reads what rules can't, ``llm:MODEL@URL``.
        labels: File of people's labels of answers, as ``passerelle review export`` writes it.
        rules: Whose published rules raw scores are by, ``lmms-eval`` for example; empty: each benchmark's own.
    """

    models: tuple[str, ...] = ()
    benchmarks: tuple[str, ...] = ()
    languages: str = "en"
    method: str = GENERATE
    predictions: tuple[str, ...] = ()
    images: Path | None = None
    out: Path = Path("evaluation")
    suspects: Path | None = None
    references: tuple[str, ...] = ()
    limit: int | None = None
    planned: tuple[Planned, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    images_anywhere: bool = False
    families: Path | None = None
    languages_folder: Path | None = None
    reader: str = ""
    labels: Path | None = None
    rules: str = ""

    def plans(self, languages: Sequence[str]) -> Sequence[Planned]:
        """Return the benchmarks.

        Raises:
            ConfigError: One can't be used.
        """
        if self.planned:
            return self.planned
        found = parse_sources(self.benchmarks, languages)
        more: dict[str, Any] = {
            "limit": self.limit,
            "images_anywhere": self.images_anywhere,
            "rules": checked_rules(self.rules),
        }
        return [Planned(tuple(sources), self.method, "", self.images, **more) for sources in found]


Audit = Callable[[Sequence[Item], Sequence[Item]], Mapping[str, float]]
"""Gets the items in English and in another language; returns by id the probability that a translation is accepted."""

Failed = Callable[[System, Exception], None]
Study = Callable[[Everything, Results], None]
"""Gets all that was said, with what was decided of it, and its figures."""
Judge = Callable[[Everything], list[dict[str, Any]]]
"""Has answers judged; returns what it found, ready for the results."""


def evaluate(
    options: Options,
    audit: Audit | None = None,
    judge: Judge | None = None,
    systems: Sequence[System] = (),
    failed: Failed | None = None,
    study: Study | None = None,
) -> dict[str, Any]:
    """Evaluate, or as much of it as isn't done yet, and write results and answers.

    Args:
        options: What is to be evaluated.
        audit: Finds suspect items, where English is among the languages.
        judge: Has chat answers judged.
        systems: Who is examined beside the models of `options`.
        failed: Told of a system that fails while it is asked, which is then left out; without it, the error is raised.
        study: Looks at the answers for more than figures and comparisons.

    Returns:
        The results, as in ``results.json``.

    Raises:
        UserError: Something that the user can put right.
        StorageError: The disk is full.
    """
    with held(options.out), known_families(options.families), known_languages(options.languages_folder):
        remove_leftovers(options.out)
        try:
            return _evaluate(options, audit, judge, systems, failed, study)
        finally:
            forget_loaded()


def _evaluate(
    options: Options,
    audit: Audit | None,
    judge: Judge | None,
    opened: Sequence[System],
    failed: Failed | None,
    study: Study | None,
) -> dict[str, Any]:
    languages = parse_languages(options.languages)
    for plan in options.plans(languages):
        if plan.method != GENERATE:
            as_rule(plan.method)
    reader = ModelReader(options.reader, options.out) if options.reader else None
    labels = read_labels(Path(options.labels)) if options.labels else None
    files = [parse_named(text) for text in options.predictions]
    systems = [*opened, *(open_system(parse_named(text)) for text in options.models)]
    _check_names(options, [system.name for system in systems] + [named.name for named in files])
    tests = read_tests(options, languages, with_pictures=bool(systems))
    notes = [text for test in _all(tests) if (text := test.says_what_is_missing())]
    for note in notes:
        say(note)
    said: dict[str, dict[str, dict[str, Said]]] = {}
    for system in systems:
        try:
            said[system.name] = _ask_system(system, tests, options)
        except StorageError:
            raise
        except Exception as error:  # a library may raise anything, and the others are worth having
            if failed is None:
                raise
            failed(system, error)
        finally:
            close_engines()  # the next one's memory
    for named in files:
        said[named.name], more = _score_file(named, tests, languages)
        notes += more
    for gap in (*_unanswered(said), *_untranslated(said), *unjudged(said)):
        say(gap)
        notes.append(gap)
    suspects = read_suspects(options.suspects) if options.suspects else {}
    if audit is not None:
        suspects = _audit(tests, audit, suspects)
    apart = {system.name for system in systems if system.kept_as}
    everything, decided = decide(said, reader, labels) if reader or labels else (said, None)
    if reader:
        reader.close()
    results = put_together(everything, suspects, options.references, options.pairs, apart)
    for unscored in _unscored(said, {_where(f.system, f.benchmark, f.language) for f in results.figures}):
        say(unscored)
        notes.append(unscored)
    results.notes = [*notes, *(sentences(decided) if decided else [])]
    judged = judge(said) if judge else []
    if study:
        study(everything, results)
    return write_results(options.out, options.languages, everything, results, suspects, judged, decided)


def _check_names(options: Options, names: Sequence[str]) -> None:
    if not names:
        raise ConfigError("nothing to evaluate: give a model, for example `embedded`, or --predictions FILE.")
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ConfigError(f"two models are called {twice!r}: give them names, as in first={options.models[0]}.")
    for reference in options.references:
        if reference not in names:
            raise ConfigError(unknown("model for --against", reference, names))


def read_tests(options: Options, languages: Sequence[str], with_pictures: bool) -> dict[str, dict[str, Test]]:
    """Read the benchmarks, by name and language.

    Args:
        options: Which, and how much of each.
        languages: Codes.
        with_pictures: Whether models are to be asked, so that pictures are needed.

    Raises:
        ConfigError: A benchmark is given twice, or unknown.
        InputError: A file can't be read.
    """
    found: dict[str, dict[str, Test]] = {}
    for plan in options.plans(languages):
        how = {"with_pictures": with_pictures, "has_reader": bool(options.reader)}
        tests = [read_test(plan, source, options.out / "pictures", **how) for source in plan.sources]
        name = tests[0].name
        if name in found:
            raise ConfigError(
                f"benchmark {name} is given twice: evaluate one after the other, each with its own --out."
            )
        found[name] = {test.language: test for test in tests}
    return found


def _all(tests: Mapping[str, Mapping[str, Test]]) -> Iterator[Test]:
    for by_language in tests.values():
        yield from by_language.values()


def _ask_system(
    system: System, tests: Mapping[str, Mapping[str, Test]], options: Options
) -> dict[str, dict[str, Said]]:
    seeds: dict[tuple[str, str], list[Answered]] = {}
    for number, opener in enumerate(system.members):
        done: list[Answered] = []
        opened = partial(_opened, cache(opener.open), done)
        folder = options.out / "answers" / f"{system.kept_as or system.name}-{content_hash(opener.signature)[:10]}"
        title = system.name + (f" (seed {number + 1} of {len(system.members)})" if len(system.members) > 1 else "")
        for name, by_language in tests.items():
            for language, test in by_language.items():
                if not system.is_asked_in(language):
                    continue
                journal = Journal(folder / f"{_file_name(name)}-{language}-{test.method}.jsonl")
                by = opener.translated_by(language)
                asking = part(f"ask, {language}", system.name)
                with asking, Progress(f"{title}: {name} ({language})", "question") as progress:
                    answered = ask(opened, opener.signature, test, journal, progress, by)
                say(f"{title}: {name} ({language}): {answered.fresh} asked now, {len(answered.kept)} answers")
                done.append(answered)
                seeds.setdefault((name, language), []).append(answered)
    return {
        name: {
            code: Said(test, tuple(seeds[name, code])) for code, test in by_language.items() if system.is_asked_in(code)
        }
        for name, by_language in tests.items()
    }


def _opened(open_member: Callable[[], Member], done: list[Answered]) -> Member:
    """Open a model; it isn't charged again for texts that were translated for what is answered."""
    member = open_member()
    while done:
        member.charged_texts.recall(done.pop().texts())
    return member


def _file_name(test: str) -> str:
    return re.sub(r"[^\w.-]+", "-", test)


def _score_file(
    named: Named, tests: Mapping[str, Mapping[str, Test]], languages: Sequence[str]
) -> tuple[dict[str, dict[str, Said]], list[str]]:
    predictions = read_predictions(Path(named.what))
    said = {
        name: {
            code: Said(test, (answers_to(predictions, test, languages, len(tests) == 1),))
            for code, test in by_language.items()
        }
        for name, by_language in tests.items()
    }
    for note in predictions.notes:
        say(f"{named.name}: {note}")
    return said, [f"{named.name}: {note}" for note in predictions.notes]


def _unanswered(said: Everything) -> Iterator[str]:
    """Say where questions have no answer, and why the first of them has none."""
    for where, each in _each(said):
        gap = {missing.id: missing.reason for seed in each.seeds for missing in seed.missing}
        if gap:
            first = next(iter(gap.items()))
            total = len(each.test.items)
            yield f"{where}: {len(gap)} of {total} questions have no answer, for example {first[0]}: {first[1]}"


def _unscored(said: Everything, scored: Collection[str]) -> Iterator[str]:
    """Say what has answers and no score: each question lacks one that it needs, as in MMBench a rotation's."""
    for where, each in _each(said):
        if where not in scored and any(seed.missing for seed in each.seeds):
            yield (
                f"{where} has no score: no question has all the answers that it needs. In MMBench that is one in each "
                "rotation of its options, under its index + 1000000, + 2000000, …; where there are none, compare "
                "likelihoods: --method mean."
            )


def _untranslated(said: Everything) -> Iterator[str]:
    """Say where engines couldn't translate a text, which then stayed as it was."""
    for where, each in _each(said):
        if count := round(sum(seed.total("untranslated") for seed in each.seeds)):
            yield f"{where}: {count} texts of questions and answers couldn't be translated and stayed as they were"


def _each(said: Everything) -> Iterator[tuple[str, Said]]:
    """Yield what each system said to each benchmark in each language, and how to name it."""
    for system, benchmarks in said.items():
        for name, languages in benchmarks.items():
            for code, each in languages.items():
                yield _where(system, name, code), each


def _where(system: str, benchmark: str, language: str) -> str:
    return f"{system}: {benchmark} ({language})"


def _audit(tests: Mapping[str, Mapping[str, Test]], audit: Audit, known: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Add to the suspect items those that the estimate finds."""
    suspects = {name: set(ids) for name, ids in known.items()}
    for name, by_language in tests.items():
        english = by_language.get(ENGLISH)
        for code, test in by_language.items():
            if english is None or code == ENGLISH:
                continue
            worst = audit(english.items, test.items)
            suspects.setdefault(name, set()).update(i for i, value in worst.items() if value < SUSPECT_BELOW)
    return suspects
