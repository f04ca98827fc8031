"""``passerelle audit``: what a translation loses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from passerelle.commands.language_option import LANGUAGES
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


@click.command()
@click.argument("source", type=FILE)
@click.argument("translated", type=FILE, required=False)
@reading
@click.option("--references", type=FILE, help="People's translations, for some of the rows or all.")
@click.option("--labels", type=FILE, help="What people say of some pairs: a table of source, target and accepted, "
              "score or reference, as `review export --format labels` writes it.")  # fmt: skip
@click.option("--sample", type=click.IntRange(min=1), help="About so many pairs, whole pictures at a time.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the sample.")
@click.option("--engine", default="apertium", show_default=True, help="Translates where TRANSLATED isn't given.")
@click.option("--memory", "at", type=FILE, help="Translation memory  [the one in the cache].")
@click.option("--out", type=FILE, default=Path("audit"), show_default=True, help="Folder of audit.json and audit.html.")
@CALIBRATION
@CHECK
@PHRASEBOOK
@QUICK
@running
@LANGUAGES
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def audit(
    source: Path,
    translated: Path | None,
    references: Path | None,
    labels: Path | None,
    sample: int | None,
    seed: int,
    engine: str,
    at: Path | None,
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
    """Estimate what TRANSLATED, the translation of SOURCE, loses; without it SOURCE is translated first.

    Writes audit.json and audit.html, a page that needs no other file.
    """
    from passerelle.crews.opening import open_crew
    from passerelle.quality.audit import audit as run
    from passerelle.quality.estimate.calibrated import open_assess
    from passerelle.quality.estimate.labels import read_labels
    from passerelle.quality.pairs import PairOptions, read_pairs, read_references, sample_source
    from passerelle.quality.pairs import sample as draw
    from passerelle.quality.translating import translate_source
    from passerelle.report.audited.page import render_audit, write_audit_page
    from passerelle.runs import cache_folder, make_folder, write_json

    how, left_out = PairOptions(**options), frozenset[int]()
    codes = how.source_language, how.target_language
    said = None if labels is None else read_labels(labels, *codes)
    crew = click.get_current_context().with_resource(open_crew(runner, workers, address))
    assess = open_assess(*codes, calibration, phrasebook=phrasebook, more=checks, quick=quick, crew=crew)
    if translated is None and not how.columns:
        memory = at or cache_folder() / "translations.sqlite"
        make_folder(out)
        if sample is not None:
            whole, source = source, out / f"sample{source.suffix}"
            sample_source(whole, how, sample, source, seed)
        translated, left_out = translate_source(source, how, engine, memory, out, phrasebook)
    paired = read_pairs(source, translated, how, left_out)
    say_gaps(paired)
    if sample is not None:
        paired = draw(paired, sample, seed)
    known = None if references is None else read_references(references, paired)
    left = max(len(left_out), len(paired.unpaired))
    found = run(paired.pairs, assess, known, left, said, is_draw=sample is not None)
    make_folder(out)
    told = found.as_dict()
    write_json(out / "audit.json", told)
    write_audit_page(found, source.name, paired.languages[1], out / "audit.html")
    say_asked(found.unsaid if as_json else (), found.asked)
    if as_json:
        print_json(told)
    else:
        from rich.console import Console

        render_audit(found, Console())
    click.echo(f"page: {out / 'audit.html'}", err=True)
