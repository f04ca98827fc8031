"""Write an evaluation as one HTML file that asks nothing of any network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from passerelle.errors import InputError
from passerelle.evaluation.writing import read_answers
from passerelle.report.contents import Difference, Score
from passerelle.report.evaluated.examples import HEADINGS, asked_in
from passerelle.report.evaluated.reading import Scored, damage_of_figures, language_name, read_figures
from passerelle.report.evaluated.tables import (
    consistency_table,
    costs_table,
    differences_table,
    parts_table,
    reading_of,
    score_tables,
    unread_table,
)
from passerelle.report.evaluation_table import gap_lines
from passerelle.report.parse import as_list, as_mapping, as_number, as_text, mappings
from passerelle.report.rendering import language_tag, render
from passerelle.report.wording import (
    interval,
    listed,
    metric_title,
    score_interval,
    score_text,
    signed,
    unread_text,
    whole,
)
from passerelle.runs import write_atomically


def write_evaluation_page(results: Mapping[str, Any], folder: Path, path: Path, *, keep: bool = False) -> Path:
    """Write the report of an evaluation as one self-contained HTML file.

    Args:
        results: What its ``results.json`` holds; any field may be missing.
        folder: The folder of its answers.
        path: The file to write.
        keep: Whether to keep small copies of the pictures that it shows in `folder`; without it, only those that are
            there are shown.

    Raises:
        StorageError: The file can't be written.
    """
    write_atomically(path, evaluation_text(results, folder, keep=keep))
    return path


def evaluation_text(results: Mapping[str, Any], folder: Path, *, keep: bool = False) -> str:
    """Make the HTML; see `write_evaluation_page`."""
    figures = [figure for figure in read_figures(results) if figure.score.value is not None]
    shown = list(score_tables(figures))
    more = (
        parts_table(figures),
        consistency_table(figures),
        differences_table(results),
        unread_table(results),
        costs_table(results),
    )
    answers, without = _answers(folder)
    examples = asked_in(answers, folder, keep=keep)
    return render(
        "evaluation.html",
        title=_title(figures),
        headline=_headline(figures),
        warnings=[*damage_of_figures(results), *map(str, as_list(results.get("warnings")))],
        created=as_text(results.get("created")),
        facts=list(_facts(results, figures)),
        findings=list(_findings(results, figures)),
        gaps=_gaps(results),
        tables={table.key: table for table in (*shown, *more) if not table.is_empty},
        score_keys=[table.key for table in shown],
        examples=examples,
        headings=HEADINGS,
        tag=language_tag,
        without=without,
        notes=[str(note) for note in as_list(results.get("notes"))],
        signatures=sorted({figure.score.signature for figure in figures if figure.score.signature}),
        tests=list(_tests(results)),
        versions=[f"{name} {value}" for name, value in as_mapping(results.get("versions")).items()],
        hardware=[f"{name}: {value}" for name, value in as_mapping(results.get("hardware")).items()],
    )


def _answers(folder: Path) -> tuple[list[dict[str, Any]], str]:
    """Return the answers, and why there are none."""
    try:
        rows = read_answers(folder / "answers.jsonl")
    except InputError as error:
        return [], f"No examples: {error}"
    return [row for row in rows if isinstance(row, dict)], ""


def _title(figures: Sequence[Scored]) -> str:
    systems = list(dict.fromkeys(figure.system for figure in figures))
    return listed(systems) if 0 < len(systems) <= 3 else f"{len(systems)} models" if systems else "An evaluation"


def _headline(figures: Sequence[Scored]) -> str:
    systems = list(dict.fromkeys(figure.system for figure in figures))
    if not systems:
        return "No model has a score: the notes below say why."
    tests = list(dict.fromkeys(figure.benchmark for figure in figures))
    spoken = listed([language_name(c) for c in dict.fromkeys(f.language for f in figures) if "-" not in c])
    who = systems[0] if len(systems) == 1 else f"{len(systems)} models"
    return f"{who} on {listed(tests) if len(tests) <= 3 else f'{len(tests)} benchmarks'} in {spoken}."


def _facts(results: Mapping[str, Any], figures: Sequence[Scored]) -> Iterator[tuple[str, str]]:
    for title, names in (
        ("model", {f.system for f in figures}),
        ("benchmark", {f.benchmark for f in figures}),
        ("language", {f.language for f in figures if not f.is_between}),
    ):
        yield title if len(names) == 1 else f"{title}s", str(len(names))
    answers = sum(as_number(row.get("answers")) or 0 for row in mappings(results.get("speed")))
    if answers:
        yield "answers", whole(answers)


def _findings(results: Mapping[str, Any], figures: Sequence[Scored]) -> Iterator[tuple[str, str]]:
    """Yield what each test says, in a sentence or two: pairs of a heading and a text."""
    known = [f for f in figures if f.is_headline]
    for name, code in dict.fromkeys((f.benchmark, f.language) for f in known):
        ranked = sorted(
            (f for f in known if (f.benchmark, f.language) == (name, code)), key=lambda f: -(f.score.value or 0.0)
        )
        best = ranked[0]
        text = [f"{best.system} scores {'highest, ' if len(ranked) > 1 else ''}{_score(best.score)}."]
        text += [_beside(results, best, other) for other in ranked[1:3]]
        if more := len(ranked) - 3 if len(ranked) > 3 else 0:
            text.append("One more model is in the table." if more == 1 else f"{more} more models are in the table.")
        yield f"{metric_title(name)}, {language_name(code)}", " ".join(text)


def _score(score: Score) -> str:
    percent = "\u00a0%" if score.unit == "%" else ""
    unread = f"; {unread_text(score)}" if unread_text(score) else ""
    return f"{score_text(score)}{percent} {score_interval(score)}{unread}".strip()


def _beside(results: Mapping[str, Any], best: Scored, other: Scored) -> str:
    found = _difference(results, best, other)
    beside = f"{other.system} scores {_score(other.score)}"
    if found is None or found.value is None:
        return f"{beside}; the two weren't paired."
    gap = f"{signed(found.value)} points {interval(found.low, found.high, plus=True)}"
    told = {
        "ahead": f"{best.system} is ahead by {gap}.",
        "behind": f"question by question it is ahead, by {gap}.",
        "not after correction": f"the difference, {gap}, may be chance among so many comparisons.",
    }.get(reading_of(found), f"the two can't be told apart: {gap}.")
    return f"{beside}; {told}"


def _difference(results: Mapping[str, Any], best: Scored, other: Scored) -> Difference | None:
    for row in mappings(results.get("comparisons")):
        if (row.get("benchmark"), row.get("language")) != (best.benchmark, best.language):
            continue
        names = as_text(row.get("first")), as_text(row.get("second"))
        numbers = (as_number(row.get(key)) for key in ("difference", "low", "high", "p", "holm_p"))
        found = Difference(*names, best.metric, best.score.test, *numbers)
        if names == (best.system, other.system):
            return found
        if names == (other.system, best.system):
            return found.reversed()
    return None


def _gaps(results: Mapping[str, Any]) -> list[str]:
    """Say what distances to English are made of; nothing where what is stored of them can't be read."""
    try:
        return list(gap_lines({"gaps": mappings(results.get("gaps"))}))
    except (KeyError, TypeError, ValueError, AttributeError):
        return []


def _tests(results: Mapping[str, Any]) -> Iterator[str]:
    for row in mappings(results.get("tests")):
        questions, pictures = (whole(as_number(row.get(key))) for key in ("questions", "pictures"))
        yield (
            f"{as_text(row.get('benchmark'))} ({as_text(row.get('language'))}): {questions} questions, "
            f"sha256 {as_text(row.get('sha256'))[:16]}; {pictures} pictures, "
            f"sha256 {as_text(row.get('pictures_sha256'), 'not looked at')[:16]}"
        )
