"""Read a benchmark in one language: its questions, its pictures, and what of it can't be asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from passerelle.errors import ConfigError, InputError, unknown
from passerelle.evaluation.asking.prompts import prompt_of
from passerelle.evaluation.benchmarks.base import BadItem, Benchmark, Item, Measure
from passerelle.evaluation.benchmarks.registry import find_benchmark, recognise
from passerelle.evaluation.benchmarks.scoring import GENERATE
from passerelle.evaluation.parsing.localised import is_read, words_of_language
from passerelle.evaluation.rows import BrokenRow, Row, read_dataset, read_rows
from passerelle.evaluation.specification import DATASETS, Planned, Source
from passerelle.formats.images import find_file
from passerelle.pictures.embedded import decoded, kept
from passerelle.pictures.opening import check_picture
from passerelle.progress import say
from passerelle.records import Answer, Origin

MOST_SHOWN = 3


@dataclass(frozen=True)
class Missing:
    """A question that isn't counted, and why."""

    id: str
    reason: str


@dataclass
class Test:
    """A benchmark in one language.

    Attributes:
        benchmark: What it is.
        language: Of its questions.
        name: What results call it.
        method: ``generate``, or the rule by which the likelihood of options is compared.
        rules: Whose published rules raw scores are by; empty: the benchmark's own.
        items: Those that can be asked, rotations included; their pictures are keys of `pictures`.
        pictures: File of each picture, by key; empty where nothing is to be asked.
        missing: Questions that can't be asked.
    """

    benchmark: Benchmark
    language: str
    name: str
    method: str
    rules: str = ""
    items: list[Item] = field(default_factory=list)
    pictures: dict[str, Path] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)

    def says_what_is_missing(self) -> str:
        """Say in one line which questions can't be asked; empty if all can."""
        if not self.missing:
            return ""
        shown = "; ".join(f"{each.id}: {each.reason}" for each in self.missing[:MOST_SHOWN])
        more = f"; and {len(self.missing) - MOST_SHOWN} more" if len(self.missing) > MOST_SHOWN else ""
        return f"{self.name} ({self.language}): {len(self.missing)} left out: {shown}{more}"


class Pictures:
    """Finds the picture files of rows, and keeps embedded pictures as files.

    Args:
        folder: The image folder.
        anywhere: Whether paths may lead out of it.
        embedded: Where pictures that stand in rows are written.
    """

    def __init__(self, folder: Path, embedded: Path, anywhere: bool = False) -> None:
        self._folder, self._embedded, self._anywhere = folder, embedded, anywhere
        self.found: dict[str, Path] = {}

    def key(self, item: Item) -> str | None:
        """Return the key of an item's picture; ``None`` where it has none.

        Raises:
            BadItem: The picture is missing, is no picture, or lies outside of the folder.
        """
        given = item.picture
        if given is None:
            return None
        try:
            content = given if isinstance(given, bytes) else decoded(given)
            is_path = content is None and isinstance(given, str)
            path = self._file(str(given)) if is_path else kept(content or b"", self._embedded)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:24]
            if digest not in self.found:
                check_picture(path, f"picture {path.name!r}")
                self.found[digest] = path
        except OSError as error:
            raise BadItem(f"can't read its picture: {error.strerror}") from None
        except InputError as error:
            raise BadItem(str(error)) from None
        return digest

    def _file(self, name: str) -> Path:
        problem, path = find_file(name, self._folder, self._anywhere)
        if problem is not None or path is None:
            raise BadItem(problem[1] if problem else f"no picture {name[:80]!r}")
        return path


def read_test(plan: Planned, source: Source, embedded: Path, *, with_pictures: bool, has_reader: bool = False) -> Test:
    """Read a benchmark in one language.

    Args:
        plan: The benchmark.
        source: Where its rows are; one of the plan's.
        embedded: Where pictures that stand in rows are kept.
        with_pictures: Whether anything is to be asked, so that pictures are needed.
        has_reader: Whether a model reads what rules can't, so that no rules need to be known.

    Raises:
        ConfigError: Answers in the language can't be read, or it can't be asked for them.
        InputError: The file can't be read, is of no known benchmark, or nothing in it can be asked.
    """
    place = source.places[0]
    is_dataset = place.startswith(DATASETS)
    rows = read_dataset(place.removeprefix(DATASETS)) if is_dataset else read_rows(source.places)
    first = next(rows, None)
    if first is None:
        raise InputError(f"{place!r} has no rows.")
    benchmark = find_benchmark(source.benchmark) if source.benchmark else recognise(_whole(first, place), place)
    benchmark = _as_planned(benchmark, plan, source.language)
    test = Test(benchmark, source.language, plan.name or benchmark.name, plan.method, _rules_of(benchmark, plan))
    _read_items(test, chain([first], rows))
    test.items = benchmark.complete([_worded(item, plan) for item in _cut(test.items, plan)], plan.method)
    if with_pictures:
        folder = plan.images or (Path(place) if Path(place).is_dir() else Path(place).parent)
        _find_pictures(test, Pictures(folder, embedded, plan.images_anywhere))
    else:
        test.items = [replace(item, picture=_cheap_key(item)) for item in test.items]
    if not test.items:
        raise InputError(f"nothing in {place!r} can be asked. {test.says_what_is_missing()}")
    _check_language(test, with_pictures, has_reader)
    return test


def _as_planned(benchmark: Benchmark, plan: Planned, language: str) -> Benchmark:
    """Return a benchmark with what a plan changes of it."""
    longest = plan.max_new_tokens or benchmark.max_new_tokens
    prompt = "" if language in plan.prompts else benchmark.prompt
    return replace(_known_by(benchmark, plan.metric), max_new_tokens=longest, prompt=prompt)


def _known_by(benchmark: Benchmark, metric: str) -> Benchmark:
    """Return a benchmark whose headline is another of its metrics.

    Raises:
        ConfigError: It can't be known by that.
    """
    if not metric:
        return benchmark
    if not benchmark.metrics:
        raise ConfigError(f"{benchmark.name}: leave metric out: it is known by its own alone.")
    if metric not in benchmark.metrics:
        raise ConfigError(f"{benchmark.name}: {unknown('metric', metric, benchmark.metrics)}")

    def score(items: Sequence[Item], answers: Sequence[Answer], method: str, rules: str) -> list[Measure]:
        found = benchmark.score(items, answers, method, rules)
        return [replace(measure, headline=measure.metric == metric) for measure in found]

    return replace(benchmark, score=score)


def _rules_of(benchmark: Benchmark, plan: Planned) -> str:
    """Return the published rules that a plan wants, where the benchmark has them; say so where it hasn't."""
    if plan.rules and benchmark.rules and plan.rules not in benchmark.rules:
        say(f"{benchmark.name}: {plan.rules} has no rules for it; raw scores are by {benchmark.rules[0]}.")
    return plan.rules if plan.rules in benchmark.rules else ""


def _worded(item: Item, plan: Planned) -> Item:
    """Return an item with the plan's question, where it has none, and its origin."""
    question = item.question or plan.prompts.get(item.language, "")
    origin: Origin = "machine" if item.language in plan.machine else item.origin
    return replace(item, question=question, origin=origin)


def _cut(items: list[Item], plan: Planned) -> list[Item]:
    """Return the first questions, or those about the first pictures, as many as are wanted."""
    if plan.limit is not None:
        groups = set(list(dict.fromkeys(item.group or item.id for item in items))[: plan.limit])
        items = [item for item in items if (item.group or item.id) in groups]
    if plan.pictures is not None:
        shown = set(list(dict.fromkeys(map(_cheap_key, items)))[: plan.pictures])
        items = [item for item in items if _cheap_key(item) in shown]
    return items


def _check_language(test: Test, with_pictures: bool, has_reader: bool) -> None:
    """Make sure that answers can be read, where they are, and that the language can be asked for them."""
    read = test.method == GENERATE or test.benchmark.kind == "open"
    if read and test.benchmark.kind not in ("caption", "chat"):
        if (has_reader or test.benchmark.kind == "choice") and not is_read(test.language):
            say(
                f"{test.name} ({test.language}): how answers are read isn't known in this language: letters are, and "
                "words as in English"
                + (", and the reader reads the rest." if has_reader else ".")
                + " `passerelle languages` says what can be done."
            )
        else:
            words_of_language(test.language)
    if with_pictures:
        prompt_of(test.items[0], test.benchmark, test.method != GENERATE and bool(test.items[0].options))


def _whole(row: Row | BrokenRow, place: str) -> Row:
    if isinstance(row, BrokenRow):
        raise InputError(f"{place!r}: {row}. Name the benchmark, as in --benchmark pope={place}, to go on after it.")
    return row


def _read_items(test: Test, rows: Iterator[Row | BrokenRow]) -> None:
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        name = f"row {number}"
        if isinstance(row, BrokenRow):
            test.missing.append(Missing(name, str(row)))
            continue
        try:
            items = test.benchmark.read(row, test.language)
        except BadItem as error:
            named = next((str(row[k]) for k in ("question_id", "index", "id", "_key", "image_id") if row.get(k)), name)
            test.missing.append(Missing(named, str(error)))
            continue
        for item in items:
            if item.id in seen:
                test.missing.append(Missing(item.id, "its id occurs more than once; the first counts"))
            else:
                seen.add(item.id)
                test.items.append(item)


def _find_pictures(test: Test, pictures: Pictures) -> None:
    kept, bad = [], set()
    for item in test.items:
        try:
            kept.append(replace(item, picture=pictures.key(item)))
        except BadItem as error:
            test.missing.append(Missing(item.id, str(error)))
            bad.add(item.group)
    # A question whose picture is missing in one rotation isn't asked in the others.
    test.items = [item for item in kept if not item.group or item.group not in bad]
    test.pictures = pictures.found


def _cheap_key(item: Item) -> str | None:
    """Name a picture without looking at it, to know which questions share it."""
    given = item.picture
    if given is None or (isinstance(given, str) and len(given) < 300):
        return given
    return hashlib.sha256(given if isinstance(given, bytes) else given.encode()).hexdigest()[:24]
