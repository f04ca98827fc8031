"""How the estimate does in each language, and which languages' calibrations ship.

    python -m benchmarks.audit.languages [--docs docs/reference/quality-languages.md]

Reads what ``benchmarks.audit.fit --results`` kept in ``measured/``. Prints a table of all languages as Markdown; with
``--docs`` it is written there, and so is each language's own table.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.audit.fit import ENGINES, NONE, marks_of, put, table

MEASURED = Path(__file__).with_name("measured")
MARKS = ("<!-- languages: by benchmarks/audit/languages.py -->", "<!-- languages: end -->")
CAPTIONS = "stamps-test"
"""The captions that are in no fit: what decides whether a calibration ships."""
LEAST_AREA, MOST_ERROR = 0.75, 0.10
"""AUC and calibration error on them, both engines together."""


def measured() -> dict[str, dict[str, Any]]:
    """Return what was measured, by language: ``engines``, ``silent`` and, for each table, ``results``."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(MEASURED.glob("*.json"))}


def captions_of(results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the figures on the captions that are in no fit."""
    return next(one for one in results if one["source"] == CAPTIONS)


def is_good_enough(results: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a calibration with such figures ships."""
    both = captions_of(results)["both"]
    return bool(both["auc"]["value"] >= LEAST_AREA and both["ece"] <= MOST_ERROR)


def summary(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Write all languages as Markdown."""
    lines = [
        "| language | ways of Apertium | checks that can't say anything | captions in no fit: pairs | AUC: Apertium / "
        "degraded / both | calibration error, likewise | lost, estimated [95%] | truly | other sources: AUC, both | "
        "calibration error | the share is in the interval | ships |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for language, one in found.items():
        results = one["results"]
        captions, others = captions_of(results), [row["both"] for row in results if row["source"] != CAPTIONS]
        areas = sorted(row["auc"]["value"] for row in others)
        errors = sorted(row["ece"] for row in others)
        draws = [draw["holds"] for row in results for draw in row["draws"]]
        cells = [
            f"`{language}`",
            str(sum(engine != "degraded" for engine in one["engines"])),
            ", ".join(f"`{name}`" for name in one["silent"]) or NONE,
            f"{captions['both']['pairs']:,}",
            " / ".join(f"{captions[name]['auc']['value']:.2f}" if name in captions else NONE for name in ENGINES),
            " / ".join(f"{captions[name]['ece']:.2f}" if name in captions else NONE for name in ENGINES),
            "{:.1f}% [{:.1f}, {:.1f}]".format(*(100 * captions["both"][key] for key in ("estimated", "low", "high"))),
            f"{100 * captions['both']['true']:.1f}%",
            f"{areas[0]:.2f} to {areas[-1]:.2f}",
            f"{errors[0]:.2f} to {errors[-1]:.2f}",
            f"{sum(draws)} of {len(draws)}",
            "yes" if is_good_enough(results) else "no",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, and write it and each language's own if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=Path, help="the page whose tables are written")
    options = parser.parse_args()
    found = measured()
    text = summary(found)
    print(text)
    if options.docs:
        page = put(options.docs.read_text(encoding="utf-8"), text, MARKS)
        for language, one in found.items():
            page = put(page, table(one["results"]), marks_of(language))
        options.docs.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
