"""An audit as one HTML file that asks nothing of any network, and as a table for the terminal."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from passerelle.pictures.thumbnails import Thumbnail, make_thumbnail
from passerelle.quality.audit import Audit, Example, Share, WithLabels
from passerelle.report.page import _asset, _language_tag, _policy
from passerelle.runs import write_atomically

if TYPE_CHECKING:
    from jinja2 import Template
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
    from markupsafe import Markup

    style = _asset("page.css")
    return _template().render(
        audit=audit,
        name=name,
        language=_language_tag(language),
        policy=_policy(style, ""),
        style=Markup(style),  # a file of this package, not a text of users
        labels_to_come=audit.labelled and labels_to_come(audit.labelled),
        worst=_shown(audit.worst),
        typical=_shown(audit.typical),
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_asset("audit.html"))


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
    console.print(Text(f"Pairs that lose meaning: {_percent(audit.headline)}, of {lost.pairs:,} pairs", style="bold"))
    for line in _labelled_lines(audit):
        console.print(Text(line))
    table = Table("", "Lost", "95% interval", "Pairs", box=None)
    for title, shares in (("Error class", audit.errors), ("Field", audit.fields), ("Category", audit.categories)):
        if shares:
            table.add_row(Text(title, style="bold"))
        for share in shares:
            cells = f"{100 * share.value:.1f}%", f"{100 * share.low:.1f} to {100 * share.high:.1f}", f"{share.pairs:,}"
            table.add_row(Text(f"  {share.name}"), *cells)
    console.print(table)
    if audit.truth is not None:
        true, estimated = audit.truth.true, audit.truth.estimated
        said = f"With a reference: {true.pairs:,} pairs, {audit.truth.missing:,} without. "
        console.print(Text(f"{said}True {_percent(true)}; estimated {_percent(estimated)}."))
    if audit.left_out:
        console.print(Text(f"{audit.left_out:,} rows have no translation and aren't among the pairs."))
    if audit.fitness is not None and audit.fitness.says:
        console.print(Text(audit.fitness.says))
    console.print(Text(f"Calibrated on {audit.calibrated_on}.", style="dim"))


def _labelled_lines(audit: Audit) -> list[str]:
    """Say by what the share is known, where there are labels."""
    said = audit.labelled
    if said is None:
        return []
    lines = [
        f"By {said.labels:,} labels and the estimate {_percent(said.both)}; by labels alone {_percent(said.alone)}; "
        f"by the estimate alone {_percent(audit.lost)}.",
        labels_to_come(said),
    ]
    if said.unused:
        lines.append("Labels that don't count: " + ", ".join(f"{n:,} {reason}" for reason, n in said.unused.items()))
    if not said.chances_known:
        lines.append("The labels name no chances: all pairs are taken to have been as likely to be drawn.")
    return [*lines, said.says] if said.says else lines


def labels_to_come(said: WithLabels) -> str:
    """Say how many labels would halve the interval."""
    if said.halve is None:
        return "No number of labels would halve the interval: audit a larger sample."
    return f"{said.halve:,} labels in all would halve the interval."


def _percent(share: Share) -> str:
    return f"{100 * share.value:.1f}% [{100 * share.low:.1f}, {100 * share.high:.1f}]"
