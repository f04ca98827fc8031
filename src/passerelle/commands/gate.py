"""``passerelle gate``: translated rows into keep, repair and drop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from passerelle.commands.language_option import LANGUAGES
from passerelle.commands.numbers import Number
from passerelle.commands.printing import print_json
from passerelle.commands.quality_options import (
    CALIBRATION,
    CHECK,
    FILE,
    PHRASEBOOK,
    QUICK,
    reading,
    say_asked,
    say_gaps,
)
from passerelle.commands.runner_options import running
from passerelle.errors import InputError


@click.command()
@click.argument("source", type=FILE)
@click.argument("translated", type=FILE, required=False)
@reading
@click.option("--keep-above", type=Number(), help="Keep rows that a reader accepts with this probability  [0.7].")
@click.option("--drop-below", type=Number(), help="Drop rows below this one  [0.3].")
@click.option("--keep-share", type=Number(), help="Keep this share of the rows instead, the best ones.")
@click.option("--config", type=FILE, help="YAML file of thresholds.")
@click.option("--out", type=FILE, required=True, help="File of the kept rows; the others are written beside it.")
@CALIBRATION
@CHECK
@PHRASEBOOK
@QUICK
@running
@LANGUAGES
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def gate(
    source: Path,
    translated: Path | None,
    keep_above: float | None,
    drop_below: float | None,
    keep_share: float | None,
    config: Path | None,
    out: Path,
    calibration: Path | None,
    checks: tuple[str, ...],
    phrasebook: Path | None,
    quick: bool,
    runner: str,
    workers: int | None,
    address: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Sort the rows of TRANSLATED, the translation of SOURCE: keep, repair or drop, each with its reason.

    Nothing is deleted: repair.jsonl and dropped.jsonl hold the others. Where no row is kept, the exit code is 2.
    """
    from passerelle.crews.opening import open_crew
    from passerelle.quality.estimate.calibrated import open_assess
    from passerelle.quality.gate import gate as run
    from passerelle.quality.gate import load_gate
    from passerelle.quality.pairs import PairOptions, read_pairs

    given = {"keep_above": keep_above, "drop_below": drop_below, "keep_share": keep_share}
    settings = load_gate(config, {key: value for key, value in given.items() if value is not None})
    paired = read_pairs(source, translated, PairOptions(**options))
    say_gaps(paired)
    codes = paired.languages
    crew = click.get_current_context().with_resource(open_crew(runner, workers, address))
    assess = open_assess(*codes, calibration, phrasebook=phrasebook, more=checks, quick=quick, crew=crew)
    counts = run(paired, assess, settings, out)
    say_asked(counts["unsaid"], counts["asked"])
    if as_json:
        print_json(counts)
    else:
        for verdict in ("keep", "repair", "drop"):
            click.echo(f"{verdict:7} {counts[verdict]:>9,} of {counts['rows']:,} rows")
        if counts["fitness"]:
            click.echo(counts["fitness"], err=True)
        click.echo(f"kept in {counts['kept']}, others in {counts['repairs']} and {counts['dropped']}", err=True)
    if not counts["keep"]:
        raise InputError(
            f"none of {counts['rows']:,} rows is kept; the best has {counts['best']:.2f}. Lower --keep-above, give "
            f"--keep-share, or translate better: why not each is in {counts['repairs']!r} and {counts['dropped']!r}."
        )
