"""An audit as one HTML file that asks nothing of any network, and as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from passerelle.pictures.thumbnails import Thumbnail, make_thumbnail
from passerelle.quality.audit import Audit, Example
from passerelle.report.audited import words
from passerelle.report.rendering import language_tag, render
from passerelle.runs import write_atomically

if TYPE_CHECKING:
    from rich.console import Console


def write_audit_page(audit: Audit, name: str, language: str, path: Path) -> Path:
    """Write an audit as one self-contained HTML file.

    Args:
        audit: What was found.
        name: Of the data set.
        language: BCP-47 code of the translations.
        path: The file to write.

    Raises:
        StorageError: The file can't be written.
    """
    write_atomically(path, audit_text(audit, name, language))
    return path


def audit_text(audit: Audit, name: str, language: str) -> str:
    """Make the HTML; see `write_audit_page`."""
    return render(
        "audit.html",
        title=name,
        warnings=audit.unsaid,
        facts=list(_facts(audit)),
        audit=audit,
        language=language_tag(language),
        words=words,
        worst=_shown(audit.worst),
        typical=_shown(audit.typical),
    )


def _facts(audit: Audit) -> Iterator[tuple[str, str]]:
    """Yield the few facts under the title: pairs of a name and a value."""
    yield "pair" if audit.lost.pairs == 1 else "pairs", f"{audit.lost.pairs:,}"
    yield "picture or row" if audit.lost.clusters == 1 else "pictures or rows", f"{audit.lost.clusters:,}"
    if audit.left_out:
        yield f"{'row' if audit.left_out == 1 else 'rows'} without a translation", f"{audit.left_out:,}"


def _shown(examples: tuple[Example, ...]) -> list[tuple[Example, Thumbnail | None]]:
    return [
        (example, make_thumbnail(example.picture.parent, example.picture.name) if example.picture else None)
        for example in examples
    ]


def render_audit(audit: Audit, console: Console) -> None:
    """Print an audit to a terminal."""
    from rich.table import Table
    from rich.text import Text

    lost = audit.lost
    of = words.counted(lost.pairs, "pair")
    console.print(Text(f"Pairs that lose meaning: {words.percent(audit.headline)}, of {of}", style="bold"))
    for line in (*map(str, audit.unsaid), *words.labelled_lines(audit)):
        console.print(Text(line))
    table = Table("", "Lost", "95% interval", "Pairs", box=None)
    kinds = words.shown_kinds(audit)
    for title, shares in (("Kind", kinds), ("Field", audit.fields), ("Category", audit.categories)):
        if shares:
            table.add_row(Text(title, style="bold"))
        for share in shares:
            cells = f"{100 * share.value:.1f}%", f"{100 * share.low:.1f} to {100 * share.high:.1f}", f"{share.pairs:,}"
            table.add_row(Text(f"  {words.titled(share.name)}"), *cells)
    console.print(table)
    lines = (
        words.absent_kinds(audit),
        *words.most_frequent_lines(audit),
        words.worst_line(audit),
        words.truth_line(audit),
        words.left_out(audit),
    )
    for line in filter(None, lines):
        console.print(Text(line))
    if audit.fitness is not None and audit.fitness.says:
        console.print(Text(audit.fitness.says))
    console.print(Text(f"Calibrated on {audit.calibrated_on}.", style="dim"))
