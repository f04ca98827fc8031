"""``passerelle repair``: better translations in the order of cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from passerelle.commands.engine_options import engine_options
from passerelle.commands.language_option import LANGUAGES
from passerelle.commands.numbers import Number
from passerelle.commands.printing import print_json
from passerelle.commands.quality_options import (
    CALIBRATION,
    CHECK,
    FILE,
    PHRASEBOOK,
    reading,
    say_asked,
    say_gaps,
)
from passerelle.commands.runner_options import running
from passerelle.quality.base import TEXT_KINDS


@click.command()
@click.argument("source", type=FILE)
@click.argument("translated", type=FILE, required=False)
@reading
@click.option("--good", type=Number(0, 1), default=0.7, show_default=True, help="Pairs from here on stay.")
@click.option("--only", type=click.Choice(TEXT_KINDS), multiple=True, help="Only such texts; may be given again.")
@click.option("--engine", "more", multiple=True, help="One more engine for candidates; may be given again.")
@click.option("--glossary", type=FILE, help="CSV file of terms that translations must keep: term,translation.")
@click.option("--post-edit", "editor", default="", help="Model that corrects what stays doubtful: openai:MODEL@URL.")
@click.option(
    "--post-edit-option", "editor_options", callback=engine_options, multiple=True,
    help="most_tokens=20000; may be given again.",
)  # fmt: skip
@click.option("--memory", "at", type=FILE, help="Translation memory  [the one in the cache].")
@click.option("--out", type=FILE, required=True, help="File to write; review.jsonl is written beside it.")
@CALIBRATION
@CHECK
@PHRASEBOOK
@running
@LANGUAGES
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def repair(
    source: Path,
    translated: Path | None,
    good: float,
    only: tuple[str, ...],
    more: tuple[str, ...],
    glossary: Path | None,
    editor: str,
    editor_options: dict[str, Any],
    at: Path | None,
    out: Path,
    calibration: Path | None,
    checks: tuple[str, ...],
    phrasebook: Path | None,
    runner: str,
    workers: int | None,
    address: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Repair TRANSLATED, the translation of SOURCE: from the memory, then by choosing among many candidates.

    What stays doubtful goes to review.jsonl, ordered by what a person's minute is expected to gain.
    """
    from passerelle.crews.opening import open_crew
    from passerelle.quality.engines import Engines
    from passerelle.quality.estimate.calibrated import open_assess
    from passerelle.quality.pairs import PairOptions, read_pairs
    from passerelle.quality.repair.opening import RepairOptions
    from passerelle.quality.repair.opening import repair as run
    from passerelle.quality.repair.verdict import JUDGE
    from passerelle.runs import cache_folder

    paired = read_pairs(source, translated, PairOptions(**options))
    say_gaps(paired)
    codes = paired.languages
    how = RepairOptions(good, more, glossary, phrasebook, editor, editor_options, only=only)
    crew = click.get_current_context().with_resource(open_crew(runner, workers, address))
    asked = (*checks, JUDGE)
    engines = Engines()
    assess = open_assess(*codes, calibration, phrasebook=phrasebook, more=asked, crew=crew, engines=engines)
    result = run(paired, assess, at or cache_folder() / "translations.sqlite", out, how, engines)
    say_asked(result["unsaid"], result["asked"])
    if as_json:
        print_json(result)
        return
    for name, value in repaired_lines(result):
        click.echo(f"{name:13} {value}")


def repaired_lines(result: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what was done, a name and its words each."""
    ways = ", ".join(f"{count:,} by {way}" for way, count in result["ways"].items())
    yield "texts", f"{result['pairs']:,}"
    yield "changed", f"{result['changed']:,}" + (f": {ways}" if ways else "")
    yield "acceptable", f"{result['mean_before']:.0%} before, {result['mean_after']:.0%} now, by the estimate"
    left, minutes = result["for_review"], result["review_minutes"]
    yield "doubtful", f"{left:,} in {result['review']}, about {minutes:g} min of a person's time" if left else "0"
    if "post_editing_stopped" in result:
        yield "post-editing", f"stopped: {result['post_editing_stopped']}"
    yield "written", str(result["out"])
