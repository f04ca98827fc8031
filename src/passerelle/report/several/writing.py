"""Write several runs as one page, as Markdown, CSV or JSON; the ending of the file says which."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from passerelle.errors import ConfigError, unknown
from passerelle.report.cells import Cell
from passerelle.report.page_tables import Table
from passerelle.report.rendering import render
from passerelle.report.several.tables import tables_of
from passerelle.report.several.together import COSTS, Several, as_json, cost_rows, score_rows
from passerelle.report.wording import listed
from passerelle.runs import write_atomically


def write_several(several: Several, path: Path) -> Path:
    """Write several runs.

    Args:
        several: The runs.
        path: The file; ``.html``, ``.md``, ``.csv`` or ``.json``.

    Raises:
        ConfigError: The ending is another.
        StorageError: The file can't be written.
    """
    write_atomically(path, writer_of(path)(several))
    return path


def writer_of(path: Path) -> Callable[[Several], str]:
    """Return what writes a file of this ending.

    Raises:
        ConfigError: Nothing does.
    """
    ending = path.suffix.lower()
    if ending not in WRITERS:
        raise ConfigError(f"{str(path)!r}: {unknown('ending of a report', ending, WRITERS)}")
    return WRITERS[ending]


def page_text(several: Several) -> str:
    """Make the HTML page."""
    tables = {table.key: table for table in tables_of(several)}
    arms = sum(len([entry for entry in run.entries if entry.arm.name != "english"]) for run in several.runs)
    counts = (("run", len(several.runs)), ("arm", arms), ("left out", len(several.left_out)))
    return render(
        "several.html",
        several=several,
        title=title_of(several),
        headline=headline_of(several),
        warnings=several.warnings,
        facts=[(name + ("s" if n != 1 and name != "left out" else ""), str(n)) for name, n in counts if n],
        tables=tables,
        score_keys=[key for key in tables if key.startswith("scores-")],
    )


def title_of(several: Several) -> str:
    """Name what is put together."""
    labels = [run.label for run in several.runs]
    return listed(labels) if len(labels) <= 3 else f"{len(labels)} runs"


def headline_of(several: Several) -> str:
    """Say in a sentence or two what the comparison of runs shows."""
    tested = [each for each in several.between if each.difference is not None]
    if len(several.runs) == 1:
        return f"One run, {several.runs[0].label}: there is nothing to compare it with."
    if not tested:
        return "Nothing here can be compared between runs; each stands for itself."
    apart = [each for each in tested if each.difference and each.difference.is_separable]
    told = (
        "None differs by more than chance allows."
        if not apart
        else f"{len(apart)} of them differ{'s' if len(apart) == 1 else ''} by more than chance allows."
    )
    one = len(tested) == 1
    rest = len(several.between) - len(tested)
    more = f" {rest} more can't be compared, for the reasons below." if rest else ""
    asked = "1 arm and test was" if one else f"{len(tested)} pairs of an arm and a test were"
    return f"{asked} compared between runs, on the same questions. {told}{more}"


def markdown_text(several: Several) -> str:
    """Make the same as Markdown: tables as text, without pictures."""
    parts = [f"# {_plain(title_of(several))}", _plain(headline_of(several))]
    parts += [f"> {_plain(warning)}" for warning in several.warnings]
    headings = {"runs": "Runs", "between": "Between runs", "apart": "Not comparable", "costs": "Costs"}
    for table in tables_of(several):
        if table.key == "every":
            continue
        title = headings.get(table.key) or f"Results, {table.key.removeprefix('scores-')}"
        parts += [f"## {_plain(title)}", _plain(table.caption), _markdown_table(table)]
        if table.key == "runs":
            parts += [_plain(note) for note in several.notes]
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: Table) -> str:
    first = any(group.title for group in table.groups)
    heads = [*(["Run or test"] if first else []), table.corner, *table.columns]
    lines = ["| " + " | ".join(_plain(head) for head in heads) + " |", "|" + " --- |" * len(heads)]
    for group in table.groups:
        for row in group.rows:
            cells = [*([group.title] if first else []), row.title, *(_cell(cell) for cell in row.cells)]
            lines.append("| " + " | ".join(_plain(cell) for cell in cells) + " |")
    return "\n".join(lines)


def _cell(cell: Cell) -> str:
    return " ".join(filter(None, (cell.text, cell.detail, f"({cell.note})" if cell.note else "")))


_MARKS = re.compile(r"([\\`*_{}<>|#~]|\[(?=[^\]]*\]\()|^[-+](?=\s)|!(?=\[))")


def _plain(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line; no name becomes a link, a picture or a tag."""
    return _MARKS.sub(r"\\\1", " ".join(text.split(" ")).replace("\n", " ").replace("\r", " "))


_COLUMNS = (
    "kind", "run", "arm", "against", "against_arm", "language", "metric", "test", "value", "low", "high", "unit", "p",
    "holm_p", "questions", "pictures", "unread", "sum", *(f"cost_{name}" for name in COSTS), "machine", "reason",
    "signature",
)  # fmt: skip


def csv_text(several: Several) -> str:
    """Make a table for spreadsheets: a line a score, a cost, a comparison, and what is left out."""
    from passerelle.quality.estimate.labels import neutral

    written = io.StringIO()
    writer = csv.DictWriter(written, _COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({key: neutral(value) for key, value in row.items()} for row in _csv_rows(several))
    return written.getvalue()


def _csv_rows(several: Several) -> Iterator[dict[str, object]]:
    found = as_json(several)
    for row in score_rows(several):
        yield {"kind": "score", **row}
    for row in cost_rows(several):
        yield {"kind": "cost", **row, **{f"cost_{name}": row[name] for name in COSTS}}
    for row in found["comparisons"]:
        yield {"kind": "difference", **row, "value": row["difference"]}
    for row in found["not_comparable"]:
        yield {"kind": "not comparable", **row}
    for run in found["runs"]:
        for arm in run["arms"]:
            if arm["failed"]:
                yield {"kind": "failed", "run": run["run"], "arm": arm["arm"], "reason": arm["error"]}
        for damage in run["damage"]:
            yield {"kind": "damaged", "run": run["run"], "reason": damage}
    for label, reason in found["left_out"].items():
        yield {"kind": "left out", "run": label, "reason": reason}


def json_text(several: Several) -> str:
    """Make the same as JSON."""
    return json.dumps(as_json(several), ensure_ascii=False, indent=1) + "\n"


WRITERS: dict[str, Callable[[Several], str]] = {
    ".html": page_text,
    ".htm": page_text,
    ".md": markdown_text,
    ".csv": csv_text,
    ".json": json_text,
}
