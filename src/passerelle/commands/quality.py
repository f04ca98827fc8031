"""``passerelle quality``: fit the estimate on labels of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from passerelle.commands.printing import print_json
from passerelle.commands.quality_options import CHECK, say_asked
from passerelle.errors import ConfigError
from passerelle.runs import write_atomically


@click.group()
def quality() -> None:
    """What translation loses: the estimate of which pairs a native reader would accept."""


@quality.command()
@click.argument("labels", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--to", "target", default="fr", show_default=True, help="Language of the translations.")
@click.option("--source", default="en", show_default=True, help="Language that was translated.")
@click.option("--default", "is_default", is_flag=True, help="Fit on Tux Paint's training captions, without LABELS.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default="calibration.json",
    show_default=True,
    help="Where to write the calibration; its reliability diagram is put beside it as .svg.",
)
@CHECK
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def fit(
    labels: Path | None,
    target: str,
    source: str,
    is_default: bool,
    out: Path,
    checks: tuple[str, ...],
    as_json: bool,
) -> None:
    """Fit the estimate on LABELS, a CSV or JSON lines file.

    Each row has source, target and reference (a human translation), accepted (0 or 1) or score (0 to 100).
    Figures come from pairs that the model hasn't seen.
    """
    from passerelle.languages.codes import language
    from passerelle.quality.estimate.calibrate import need_scikit_learn
    from passerelle.quality.estimate.fitting import fit_calibration, write_calibration
    from passerelle.quality.estimate.labels import read_labels, tux_paint
    from passerelle.report.reliability import reliability_plot

    if (labels is None) != is_default:
        raise ConfigError("give either a file of LABELS or --default.")
    need_scikit_learn()
    source, target = language(source).bcp47, language(target).bcp47
    if labels is None:
        data = "Tux Paint stamps, training side; extra: CLDR emoji names"
        content = fit_calibration(lambda engines: tux_paint(engines, target), source, target, data, checks)
    else:
        labelled = read_labels(labels, source, target)
        content = fit_calibration(lambda engines: labelled, source, target, labels.name, checks)
    write_calibration(out, content)
    provenance = content["provenance"]
    say_asked(provenance["unsaid"], provenance["asked"])
    write_atomically(out.with_suffix(".svg"), reliability_plot(provenance["reliability"]))
    if as_json:
        print_json({"calibration": str(out), **provenance})
    else:
        _print(out, provenance, provenance["by_check"])


def _print(out: Path, provenance: dict[str, Any], table: list[dict[str, Any]]) -> None:
    click.echo(f"{'check':20} {'AUC alone':>20} {'AUC without it':>20}")
    for row in table:
        cells = [_interval(row[key]) if key in row else "" for key in ("alone", "without")]
        click.echo(f"{row['check']:20} {cells[0]:>20} {cells[1]:>20}")
    found = provenance["out_of_fold"]
    rho = "" if found["spearman"] is None else f", Spearman {found['spearman']:.3f}"
    click.echo(f"{'all':20} {_interval(found['auc']):>20}{rho}, calibration error {found['ece']:.3f}")
    click.echo(f"fitted on {provenance['pairs']:,} pairs ({provenance['extra_pairs']:,} extra): {out}")


def _interval(area: dict[str, float]) -> str:
    return f"{area['value']:.3f} ({area['low']:.3f}–{area['high']:.3f})"
