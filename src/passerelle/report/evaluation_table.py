"""An evaluation as tables for the terminal: figures with both parsers, comparisons, what gaps are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from passerelle.report.wording import DASH, signed

if TYPE_CHECKING:
    from rich.console import Console

Row = Mapping[str, Any]


def render_evaluation(results: Mapping[str, Any], console: Console) -> None:
    """Print an evaluation.

    Args:
        results: What ``results.json`` of ``passerelle evaluate`` holds.
        console: Where to print.
    """
    for line in results["warnings"]:
        console.print(line, style="bold", markup=False, highlight=False)
    for title, header, rows in tables_of(results):
        from rich.table import Table

        table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
        for name in header:
            table.add_column(name, justify="left" if name in _WORDS else "right", overflow="fold")
        for row in rows:
            table.add_row(*row)
        console.print(table)
        console.print()
    for line in gap_lines(results):
        console.print(line, markup=False, highlight=False)
    for line in notes_of(results):
        console.print(line, style="dim", markup=False, highlight=False)


_WORDS = ("model", "first − second", "language", "metric", "benchmark", "judge")

TableText = tuple[str, list[str], list[list[str]]]


def tables_of(results: Mapping[str, Any]) -> Iterator[TableText]:
    """Yield (title, header, rows) of each table, all as text."""
    figures: Sequence[Row] = results["figures"]
    for name in dict.fromkeys(figure["benchmark"] for figure in figures):
        of_it = [f for f in figures if f["benchmark"] == name and not f["subtask"]]
        yield name + _raw_by(of_it), _FIGURES, list(_figure_rows(of_it))
    if results["comparisons"]:
        title = "differences, p corrected by Holm over all of them"
        yield title, _COMPARISONS, [_comparison(each) for each in results["comparisons"]]
    if results["judged"]:
        yield "judged", _JUDGED, [_judged(each) for each in results["judged"]]


_FIGURES = ["model", "language", "metric", "raw", "localised", "n", "unread", "share unread"]
_COMPARISONS = ["benchmark", "language", "first − second", "difference", "p", "detectable"]
_JUDGED = ["model", "language", "judge", "win rate", "n", "orders agree", "natives agree"]


def _raw_by(figures: Sequence[Row]) -> str:
    """Say whose rules raw scores are by; nothing where there are none."""
    published = next((f for f in figures if f["parser"] == "published"), None)
    parts = published["signature"].split("|") if published else []
    rules = next((part.removeprefix("parser:") for part in parts if part.startswith("parser:")), "")
    return f" (raw: {rules})" if rules else ""


def _figure_rows(figures: Sequence[Row]) -> Iterator[list[str]]:
    """Put what two parsers made of the same answers into one row; the reading that counts has its interval."""
    published = {_key(f): f for f in figures if f["parser"] == "published"}
    for figure in figures:
        if figure["parser"] == "published":
            continue
        raw = published.get(_key(figure))
        yield [
            figure["system"],
            figure["language"],
            figure["metric"],
            (f"{raw['value']:.1f}" if figure["used"] else _with_interval(raw)) if raw else DASH,
            _with_interval(figure) if figure["used"] else f"{figure['value']:.1f}",
            str(figure["units"]),
            f"{raw['unmatched']} → {figure['unmatched']}" if raw else str(figure["unmatched"]),
            unread_share(figure if figure["used"] or raw is None else raw),
        ]


def unread_share(figure: Row) -> str:
    """Write the share of answers that couldn't be read, with its interval; a dash where none had to be read."""
    share = figure["unread"]
    return f"{share['value']:.1f}% [{share['low']:.1f}, {share['high']:.1f}]" if share else DASH


def _with_interval(row: Row) -> str:
    return f"{row['value']:.1f} [{row['low']:.1f}, {row['high']:.1f}]"


def _key(figure: Row) -> tuple[str, ...]:
    return figure["system"], figure["language"], figure["metric"]


def _comparison(row: Row) -> list[str]:
    unknown = row["detectable"] != row["detectable"]
    return [
        row["benchmark"],
        row["language"],
        f"{row['first']} − {row['second']}",
        f"{signed(row['difference'])} [{row['low']:.1f}, {row['high']:.1f}]",
        f"{row['holm_p']:.3f}" if row["holm_p"] is not None else DASH,
        DASH if unknown else f"{row['detectable']:.1f}",
    ]


def gap_lines(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield, for each system and language, what the distance to English is made of."""
    for row in results["gaps"]:
        clean = f", without {row['suspects']} suspect {row['without_suspects']:.1f}" if row["suspects"] else ""
        parts = {name: f"{signed(v)} [{low:.1f}, {high:.1f}]" for name, (v, low, high) in row["parts"].items()}
        yield (
            f"{row['benchmark']}, {row['system']}, {row['language']}: raw {row['raw']:.1f}, "
            f"localised {row['localised']:.1f}{clean}. English is ahead by {parts['total']}: "
            f"parser {parts['parser']}, translated items {parts['items']}, model {parts['model']}"
        )


def _judged(row: Row) -> list[str]:
    native = row.get("native_agreement")
    return [
        row["system"],
        row["language"],
        row["judge"],
        _with_interval(row),
        str(row["units"]),
        f"{row['order_agreement']:.0f}%",
        DASH if native is None else f"{native:.0f}% of {row['native_labels']}",
    ]


def notes_of(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is to be said below the tables: what is missing, and the signatures of the headlines."""
    yield from results["notes"]
    for figure in results["figures"]:
        if figure["headline"]:
            yield f"{figure['system']}: {figure['signature']}"
