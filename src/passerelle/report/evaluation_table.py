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
    for title, header, rows in tables_of(results):
        from rich.table import Table

        table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
        for name in header:
            table.add_column(name, justify="left" if name in _WORDS else "right", overflow="fold")
        for row in rows:
            table.add_row(*row)
        console.print(table)
        console.print()
    for line in notes_of(results):
        console.print(line, style="dim", markup=False, highlight=False)


_WORDS = ("model", "first", "second", "language", "languages", "metric", "benchmark")

TableText = tuple[str, list[str], list[list[str]]]


def tables_of(results: Mapping[str, Any]) -> Iterator[TableText]:
    """Yield (title, header, rows) of each table, all as text."""
    figures: Sequence[Row] = results["figures"]
    for name in dict.fromkeys(figure["benchmark"] for figure in figures):
        yield name, _FIGURES, list(_figure_rows([f for f in figures if f["benchmark"] == name and not f["subtask"]]))
    if results["comparisons"]:
        yield (
            "comparisons, Holm's correction over all of them",
            _COMPARISONS,
            [_comparison(each) for each in results["comparisons"]],
        )
    if results["gaps"]:
        yield "English minus the other language, in points", _GAPS, [_gap(each) for each in results["gaps"]]
    if results["judged"]:
        yield "judged", _JUDGED, [_judged(each) for each in results["judged"]]


_FIGURES = ["model", "language", "metric", "raw", "localised", "95% interval", "n", "unread", "missing", "detectable"]
_COMPARISONS = [
    "benchmark",
    "languages",
    "first",
    "second",
    "metric",
    "difference",
    "95% interval",
    "p",
    "Holm",
    "detectable",
]
_GAPS = [
    "benchmark",
    "model",
    "languages",
    "metric",
    "raw",
    "localised",
    "clean",
    "total",
    "parser",
    "items",
    "model’s own",
]
_JUDGED = ["model", "language", "judge", "win rate", "95% interval", "n", "both orders agree", "agrees with natives"]


def _figure_rows(figures: Sequence[Row]) -> Iterator[list[str]]:
    """Put what two parsers made of the same answers into one row."""
    published = {_key(f): f for f in figures if f["parser"] == "published"}
    for figure in figures:
        if figure["parser"] == "published":
            continue
        raw = published.get(_key(figure))
        yield [
            figure["system"],
            figure["language"],
            figure["metric"],
            f"{raw['value']:.1f}" if raw else DASH,
            f"{figure['value']:.1f}",
            f"[{figure['low']:.1f}, {figure['high']:.1f}]",
            str(figure["units"]),
            f"{raw['unmatched']} → {figure['unmatched']}" if raw else str(figure["unmatched"]),
            str(figure["missing"]),
            DASH if figure["detectable"] != figure["detectable"] else f"{figure['detectable']:.1f}",
        ]


def _key(figure: Row) -> tuple[str, ...]:
    return figure["system"], figure["language"], figure["metric"]


def _comparison(row: Row) -> list[str]:
    return [
        row["benchmark"],
        row["language"],
        row["first"],
        row["second"],
        row["metric"],
        signed(row["difference"]),
        f"[{row['low']:.1f}, {row['high']:.1f}]",
        f"{row['p']:.3f}",
        f"{row['holm_p']:.3f}" if row["holm_p"] is not None else DASH,
        DASH if row["detectable"] != row["detectable"] else f"{row['detectable']:.1f}",
    ]


def _gap(row: Row) -> list[str]:
    parts = [f"{signed(v)} [{low:.1f}, {high:.1f}]" for v, low, high in row["parts"].values()]
    return [
        row["benchmark"],
        row["system"],
        row["language"],
        row["metric"],
        f"{row['raw']:.1f}",
        f"{row['localised']:.1f}",
        f"{row['without_suspects']:.1f} (−{row['suspects']})" if row["suspects"] else DASH,
        *parts,
    ]


def _judged(row: Row) -> list[str]:
    native = row.get("native_agreement")
    return [
        row["system"],
        row["language"],
        row["judge"],
        f"{row['value']:.1f}",
        f"[{row['low']:.1f}, {row['high']:.1f}]",
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
