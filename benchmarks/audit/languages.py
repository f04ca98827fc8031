"""How the estimate does in each language, and which languages' calibrations ship.

    python -m benchmarks.audit.languages [--people] [--docs docs/reference/quality-languages.md]

Reads what ``benchmarks.audit.fit --results`` kept in ``measured/``, and with ``--fitted-on degraded`` in
``unseen_engine/``: how an estimate does on Apertium's pairs that was fitted on the other engine's alone; and what
``benchmarks.audit.any_language`` kept in ``any_language/``. Prints tables of all languages as Markdown; with ``--docs``
they are written there, and so is each language's own. ``--people`` audits what people wrote, by the calibrations that
ship: what share is stated for an engine that is as good as they are?
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.audit import tables, texts
from benchmarks.audit.results import ALL, NONE, TOLD, areas, errors, share, tables_of
from passerelle.quality.audit import audit
from passerelle.quality.base import Pair
from passerelle.quality.estimate.calibrated import open_assess
from passerelle.quality.estimate.estimate import Estimate

MEASURED = Path(__file__).with_name("measured")
ANY_LANGUAGE = Path(__file__).with_name("any_language")
UNSEEN_ENGINE = Path(__file__).with_name("unseen_engine")
PEOPLE = Path(__file__).with_name("people.json")
CAPTIONS = "stamps-test"
"""The captions that are in no fit: what decides whether a calibration ships."""
LEAST_AREA, MOST_ERROR = 0.75, 0.10
"""AUC and calibration error on them, all engines together."""


def measured(folder: Path = MEASURED) -> dict[str, dict[str, Any]]:
    """Return what was measured, by language: ``engines``, ``silent`` and, for each table, ``results``."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def captions_of(results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the figures on the captions that are in no fit."""
    return next(one for one in results if one["source"] == CAPTIONS)


def is_good_enough(results: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a calibration with such figures ships."""
    whole = captions_of(results)[ALL]
    return bool(whole["auc"]["value"] >= LEAST_AREA and whole["ece"] <= MOST_ERROR)


def shipping() -> list[str]:
    """Return the languages whose calibrations ship: by a fit of their own, or by the others' where they have none."""
    own, others = measured(), measured(ANY_LANGUAGE)
    good = [name for name, one in own.items() if is_good_enough(one["results"])]
    return sorted([*good, *(name for name, one in others.items() if lent(name, one) == "yes")])


def ways(one: Mapping[str, Any]) -> int:
    """Return how many ways Apertium has into a language."""
    return sum(engine.startswith("apertium") for engine in one["engines"])


def lent(language: str, one: Mapping[str, Any]) -> str:
    """Say whether the fit of other languages ships for one."""
    if ways(one):
        return "has its own"
    return "yes" if is_good_enough(one["results"]) else "no"


def summary(found: Mapping[str, Mapping[str, Any]], *, is_own: bool = True) -> str:
    """Write all languages as Markdown, by fits of their own or by those of the others."""
    lines = [
        "| language | ways of Apertium | checks that can't say anything | captions in no fit: pairs | "
        f"AUC: {' / '.join((*TOLD, ALL))} | calibration error, likewise | lost, estimated [95%] | truly | "
        "other sources: AUC, all | calibration error | the share is in the interval | ships |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for language, one in found.items():
        results = one["results"]
        captions, others = captions_of(results), [row[ALL] for row in results if row["source"] != CAPTIONS]
        told = sorted(row["auc"]["value"] for row in others)
        wrong = sorted(row["ece"] for row in others)
        draws = [draw["holds"] for row in results for draw in row["draws"]]
        cells = [
            f"`{language}`",
            str(ways(one)),
            ", ".join(f"`{name}`" for name in one["silent"]) or NONE,
            f"{captions[ALL]['pairs']:,}",
            areas(captions),
            errors(captions),
            share(captions[ALL]),
            f"{100 * captions[ALL]['true']:.1f}%",
            f"{told[0]:.2f} to {told[-1]:.2f}",
            f"{wrong[0]:.2f} to {wrong[-1]:.2f}",
            f"{sum(draws)} of {len(draws)}",
            ("yes" if is_good_enough(results) else "no") if is_own else lent(language, one),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def unseen_engine(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Write how estimates that were fitted on the other engine's pairs do on Apertium's, as Markdown."""
    lines = [
        "| language | captions in no fit: AUC | calibration error | lost, estimated [95%] | truly | other sources: "
        "AUC | calibration error | sources of which the interval holds the share |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for language, one in found.items():
        captions = captions_of(one["results"])["apertium"]
        others = [row["apertium"] for row in one["results"] if row["source"] != CAPTIONS]
        told = sorted(row["auc"]["value"] for row in others if row["auc"] is not None)
        wrong = sorted(row["ece"] for row in others)
        held = [row["holds"] for row in (captions, *others)]
        cells = [
            f"`{language}`",
            f"{captions['auc']['value']:.2f}",
            f"{captions['ece']:.2f}",
            share(captions),
            f"{100 * captions['true']:.1f}%",
            f"{told[0]:.2f} to {told[-1]:.2f}",
            f"{wrong[0]:.2f} to {wrong[-1]:.2f}",
            f"{sum(held)} of {len(held)}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def audited_people() -> dict[str, dict[str, Any]]:
    """Audit people's captions, which no calibration was fitted on, in each language of which one ships."""
    found = {}
    for language in Estimate.shipped_targets("en"):
        known = texts.usable(texts.stamps("test", language), CAPTIONS)
        pairs = [Pair(one.english, one.reference, "en", language, cluster=one.cluster) for one in known]
        with TemporaryDirectory() as folder:
            done = audit(pairs, open_assess("en", language, store=Path(folder) / "assessments.sqlite"))
        shares = {key: round(getattr(done.lost, key), 4) for key in ("value", "low", "high")}
        found[language] = {"pairs": len(pairs), **shares, "unlike": bool(done.fitness and done.fitness.is_unlike)}
    return found


def people_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Write what is stated of people's captions as Markdown."""
    lines = ["| language | people's captions | lost, estimated [95%] | said to be unlike |", "|---|---|---|---|"]
    for language, one in found.items():
        share = "{:.1f}% [{:.1f}, {:.1f}]".format(*(100 * one[key] for key in ("value", "low", "high")))
        lines.append(f"| `{language}` | {one['pairs']} | {share} | {'yes' if one['unlike'] else 'no'} |")
    return "\n".join(lines)


def written(found: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return all tables, by the names of their marks."""
    return {
        "languages": summary(found),
        "any language": summary(measured(ANY_LANGUAGE), is_own=False),
        "unseen engine": unseen_engine(measured(UNSEEN_ENGINE)),
        "people": people_table(json.loads(PEOPLE.read_text(encoding="utf-8"))),
        **{name: text for language, one in found.items() for name, text in tables_of(language, one["results"]).items()},
    }


def main() -> None:
    """Print the table, and write it and each language's own if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=Path, help="the page whose tables are written")
    parser.add_argument("--people", action="store_true", help="audit people's captions, too, and keep the figures")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    if options.people:
        PEOPLE.write_text(json.dumps(audited_people(), indent=1) + "\n", encoding="utf-8")
    tables.show(written(measured()), options.docs)


if __name__ == "__main__":
    main()
