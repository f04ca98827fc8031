"""The tables of several runs: a row an arm of a run, aligned by language and test."""

from __future__ import annotations

from collections.abc import Iterator

from passerelle.report.cells import Cell
from passerelle.report.contents import Arm
from passerelle.report.evaluated.reading import language_name
from passerelle.report.evaluated.tables import READINGS, reading_of
from passerelle.report.page_tables import Group, Row, Table
from passerelle.report.several.between import Between
from passerelle.report.several.runs import Entry, Run
from passerelle.report.several.together import COSTS, Several, cost_rows, headlines, languages_of
from passerelle.report.wording import (
    DASH,
    THOUSAND,
    decimal,
    duration,
    interval,
    listed,
    metric_title,
    probability,
    score_interval,
    score_text,
    short,
    signed,
    title_of_test,
    unread_text,
    whole,
)


def tables_of(several: Several) -> list[Table]:
    """Return all tables, without those that would be empty."""
    found = [runs_table(several), *score_tables(several), between_table(several), apart_table(several)]
    return [table for table in (*found, costs_table(several), every_score(several)) if not table.is_empty]


def runs_table(several: Several) -> Table:
    """Say what each run is: its model, language, day, machine and version."""
    rows = []
    for run in several.runs:
        arms = [entry.arm for entry in run.entries if entry.arm.name != "english"]
        failed = sum(arm.failed for arm in arms)
        cells = (
            run.kind,
            run.contents.name if run.kind == "comparison" else DASH,
            run.model or DASH,
            run.contents.target_name if run.kind == "comparison" else DASH,
            run.contents.created[:10] or DASH,
            ", ".join(map(str, run.contents.seeds)) or DASH,
            f"{len(arms)}" + (f", {failed} failed" if failed else ""),
            run.versions.get("passerelle", DASH),
            run.machine or DASH,
        )
        rows.append(Row(run.label, tuple(Cell(text, style="words") for text in cells)))
    columns = ("Kind", "Name", "Model", "To", "Day", "Seeds", "Arms", "Version", "Machine")
    return Table("runs", "What is put together here.", "Run", columns, (Group("", tuple(rows)),))


def score_tables(several: Several) -> Iterator[Table]:
    """Yield a table for each language: every arm of every run on the tests that are known by these metrics."""
    for code in languages_of(several.runs):
        columns = headlines(several.runs, code)
        groups = [Group(run.label, tuple(_score_rows(run, code, columns))) for run in several.runs]
        yield Table(
            f"scores-{code}",
            f"Tests in {language_name(code)}, with 95 % intervals by picture. Whether two runs were asked the same is "
            "said below.",
            "Arm",
            tuple(
                metric_title(metric) + (f", {title_of_test(test).lower()}" if test == "machine" else "")
                for metric, test in columns
            ),
            tuple(groups if columns else ()),
        )


def _score_rows(run: Run, code: str, columns: list[tuple[str, str]]) -> Iterator[Row]:
    for entry in run.entries:
        found = [entry.find(metric, test, code) for metric, test in columns]
        if entry.arm.failed and code == run.contents.target:
            yield Row(f"{entry.arm.name}: failed", tuple(Cell(DASH) for _ in columns), style="failed")
        elif any(found):
            cells = tuple(_score_cell(run, entry, metric, test, code) for metric, test in columns)
            yield Row(entry.arm.name, cells, style="reference" if entry.arm.name == "english" else "")


def _score_cell(run: Run, entry: Entry, metric: str, test: str, code: str) -> Cell:
    told = entry.find(metric, test, code)
    score = told.score if told else None
    data = {"run": run.label, "arm": entry.arm.name, "metric": metric, "test": test, "language": code}
    return Cell(score_text(score), score_interval(score), score.value if score else None, data, note=unread_text(score))


def between_table(several: Several) -> Table:
    """Show each arm against the same of an earlier run."""
    groups: dict[str, list[Row]] = {}
    for each in sorted(several.between, key=lambda each: each.language == "en"):
        if each.difference is not None:
            groups.setdefault(_where(each), []).append(_between_row(each))
    return Table(
        "between",
        "An arm against the same of an earlier run, question by question, on the questions that both were asked, with "
        "95 % intervals by picture. ● marks an interval without zero; ○ one that Holm's correction takes back.",
        "Arm",
        ("Difference", "p", "p, Holm", "Questions", "Reading"),
        tuple(Group(title, tuple(rows)) for title, rows in groups.items()),
    )


def _where(each: Between) -> str:
    made = ", machine test" if each.test == "machine" else ""
    return f"{metric_title(each.metric)}, {language_name(each.language)}{made}"


def _names(each: Between) -> str:
    if each.arm == each.against_arm:
        return f"{each.arm}: {each.run} − {each.against}"
    return f"{each.run}: {each.arm} − {each.against}: {each.against_arm}"


def _between_row(each: Between) -> Row:
    found = each.difference
    assert found is not None
    mark = "" if not found.excludes_zero else " ●" if found.is_separable else " ○"
    data = {"run": each.run, "against": each.against, "arm": each.arm, "metric": each.metric, "test": each.test}
    data |= {"language": each.language}
    reading = reading_of(found)
    few = "" if each.of == (each.questions, each.questions) else f"of {each.of[0]} and {each.of[1]}"
    return Row(
        _names(each),
        (
            Cell(signed(found.value), interval(found.low, found.high, plus=True) + mark, found.value, data),
            Cell(probability(found.p), value=found.p, data=data | {"number": "p"}),
            Cell(probability(found.holm_p), value=found.holm_p, data=data | {"number": "holm-p"}),
            Cell(whole(each.questions), few, each.questions, data | {"number": "questions"}),
            Cell(reading, style=f"words {READINGS.get(reading, 'muted')}"),
        ),
    )


def apart_table(several: Several) -> Table:
    """Say which arms of which runs can't be compared, and why."""
    alike: dict[tuple[str, str, str, str], list[Between]] = {}
    for each in sorted(several.between, key=lambda each: each.language == "en"):
        if each.difference is None:
            alike.setdefault((_where(each), each.run, each.against, each.reason), []).append(each)
    groups: dict[str, list[Row]] = {}
    for (where, run, against, reason), found in alike.items():
        name = _names(found[0])
        if len(found) > 1:
            name = f"{listed([each.arm for each in found])}: {run} − {against}"
        groups.setdefault(where, []).append(Row(name, (Cell(reason, style="words reason"),)))
    return Table(
        "apart",
        "Not comparable: the figures above may stand beside each other, but say nothing of which is better.",
        "Arm",
        ("Why",),
        tuple(Group(title, tuple(rows)) for title, rows in groups.items()),
    )


_SUMS = {"make": "to make", "per_1000": f"{THOUSAND} answers", "all": "in all, by the clock"}


def costs_table(several: Several) -> Table:
    """Show what making each arm and a thousand of its answers take."""
    groups: dict[str, list[Row]] = {}
    machines: dict[str, str] = {}
    for row in cost_rows(several):
        machines[row["run"]] = row["machine"]
        data = {"run": row["run"], "arm": row["arm"], "sum": row["sum"]}
        texts = {
            "processor_seconds": duration(row["processor_seconds"]),
            "device_seconds": duration(row["device_seconds"]) if row["device_seconds"] else DASH,
            "flops": short(row["flops"], 1e12),
            "tokens": whole(row["tokens"]),
            "euros": short(row["euros"]),
            "seconds": duration(row["seconds"]),
        }
        cells = tuple(Cell(texts[key], value=row[key], data=data | {"metric": key.replace("_", "-")}) for key in COSTS)
        groups.setdefault(row["run"], []).append(Row(f"{row['arm']}, {_SUMS[row['sum']]}", cells))
    return Table(
        "costs",
        "What making an arm takes, once, and what a thousand answers take, as if the arm were alone. "
        + several.costs_caveat,
        "Arm",
        ("Core time", "GPU time", "TFLOP", "Tokens", "€", "By the clock"),
        tuple(Group(f"{run}, {machines[run] or 'machine not known'}", tuple(rows)) for run, rows in groups.items()),
    )


def every_score(several: Several) -> Table:
    """List every score with its signature."""
    groups = []
    for run in several.runs:
        rows = [row for entry in run.entries for row in _every(run, entry.arm, entry)]
        groups.append(Group(run.label, tuple(rows)))
    return Table(
        "every",
        "Every score, with how it was measured.",
        "Arm and metric",
        ("Language", "Test", "Score", "Questions", "Pictures", "Unread", "Signature"),
        tuple(groups),
    )


def _every(run: Run, arm: Arm, entry: Entry) -> Iterator[Row]:
    for told in entry.scores:
        score = told.score
        data = {"run": run.label, "arm": arm.name, "metric": told.metric, "test": score.test, "language": told.language}
        counts = (("questions", score.items), ("pictures", score.pictures), ("unread", score.unread))
        yield Row(
            f"{arm.name}, {metric_title(told.metric)}",
            (
                Cell(told.language, style="words"),
                Cell(title_of_test(score.test), style="words"),
                Cell(score_text(score), score_interval(score), score.value, data),
                *(Cell(decimal(count, 0), value=count, data=data | {"number": name}) for name, count in counts),
                Cell(score.signature or DASH, style="signature"),
            ),
        )
