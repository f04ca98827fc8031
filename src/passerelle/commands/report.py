"""``passerelle report``: runs that are finished, one or several, as a page, Markdown, CSV or JSON."""

from __future__ import annotations

from pathlib import Path

import click

from passerelle.commands.printing import print_json


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False),
              help="File to write: .html, .md, .csv or .json  [Markdown on stdout].")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON on stdout.")
def report(runs: tuple[str, ...], out: Path | None, as_json: bool) -> None:
    """Put RUNS, of other languages, models or days, on one page.

    \b
      passerelle report runs/demo runs/demo-es -o both.html
      passerelle report before=runs/monday after=runs/today -o changes.md

    RUNS are folders of `passerelle compare` or `passerelle evaluate`, or their results.json, NAME= before them or not.
    An arm is compared with the same of an earlier run, question by question, where both were asked the same; where they
    weren't, it says why. Of a run that isn't finished or is broken it says so and shows the others. One run as .html is
    its own report, written anew.
    """  # noqa: D301 - click reads the backspace
    from passerelle.report.several.reporting import report_runs
    from passerelle.report.several.together import as_json as plain
    from passerelle.report.several.writing import markdown_text

    several = report_runs([_named(text) for text in runs], out)
    for each in several.left_out:
        click.echo(f"{each.label} is left out: {each.reason}", err=True)
    if as_json:
        print_json(plain(several))
    elif out is None:
        click.echo(markdown_text(several), nl=False)
    if out is not None:
        click.echo(f"report: {out}", err=True)


def _named(text: str) -> tuple[str, Path]:
    name, equals, place = text.partition("=")
    return (name, Path(place)) if equals and place and not Path(text).exists() else ("", Path(text))
