"""Write the tables of a run into a page, between its markers: fill_results.py RUN_FOLDER [PAGE].

PAGE is README.md unless given. A page has one or more pairs of markers, as ``<!-- results:begin -->`` and
``<!-- results:end -->``; the tables are those of `TABLES`. Everything else in the page stays as it is.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

Results = dict[str, Any]
ROOT = Path(__file__).resolve().parents[1]
ENGLISH = "english"
DASH = "–"


def number(value: float | None, *, plus: bool = False) -> str:
    """Write a number with one decimal and a true minus sign; a dash where there is none."""
    if value is None:
        return DASH
    text = f"{value:+.1f}" if plus else f"{value:.1f}"
    return text.replace("-", "−") if float(text) else "0.0"


def with_interval(found: dict[str, Any] | None, key: str = "value", *, plus: bool = False) -> str:
    """Write a score or a difference with its interval, as ``59.7 [53.1, 65.8]``."""
    if found is None:
        return DASH
    low, high = (number(found[end], plus=plus) for end in ("low", "high"))
    return f"{number(found[key], plus=plus)} [{low}, {high}]"


def score(arm: dict[str, Any], metric: str, test: str) -> dict[str, Any] | None:
    """Find an arm's score over all sources."""
    wanted = (metric, test, "all")
    return next((s for s in arm["scores"] if (s["metric"], s["test"], s["source"]) == wanted), None)


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def provenance(results: Results) -> str:
    """Say in one line what was run, on what, and when."""
    config, data, hardware = results["config"], results["data"], results["hardware"]
    seeds = results["seeds"]
    parts = [
        f"Experiment `{results['name']}`, {results['target_name']}, {results['created'][:10]}",
        f"{data['pictures']['test']} test pictures, {data['questions']} questions",
        f"{config['budget']['tokens']:,} training tokens".replace(",", "\u202f"),
        f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''} of the trained arms",
        f"{hardware['cores']} cores ({hardware['cpu']})",
    ]
    return "; ".join(parts) + ". 95% intervals by picture. Minutes are those of one seed."


def results_table(results: Results) -> str:
    """Show every arm on its own test, the English that it kept and its minutes."""
    reference = next((arm for arm in results["arms"] if arm["name"] == ENGLISH), None)
    base = score(reference, "choice", ENGLISH) if reference else None
    metrics = ("choice-random", "choice-category", "yes-no-auc", "caption-chrf", "fidelity")
    rows = []
    for arm in results["arms"]:
        test = ENGLISH if arm["name"] == ENGLISH else "human"
        kept = score(arm, "choice", ENGLISH) or (base if arm["trained_on"] is None else None)
        failed = " (failed)" if arm["status"] == "failed" else ""
        cells = [with_interval(score(arm, metric, test)) for metric in metrics]
        minutes = number(arm["cost"]["total_seconds"] / 60)
        rows.append([f"`{arm['name']}`{failed}", *cells, with_interval(kept), minutes])
    headings = (
        "arm", "choice, random", "choice, same category", "yes/no AUC", "caption chrF", "fidelity", "English kept",
        "minutes",
    )  # fmt: skip
    return f"{markdown(headings, rows)}\n\n{provenance(results)}"


def tests_table(results: Results) -> str:
    """Put each arm's scores on the human test beside those on the machine-translated one."""
    metrics = {"choice-random": "random", "choice-category": "same category", "yes-no-auc": "yes/no AUC"}
    rows = [
        [f"`{arm['name']}`", *(with_interval(score(arm, m, test)) for m in metrics for test in ("human", "machine"))]
        for arm in results["arms"]
        if arm["name"] != ENGLISH
    ]
    return markdown(["arm", *(f"{title}, {test}" for title in metrics.values() for test in ("human", "machine"))], rows)


def differences_table(results: Results) -> str:
    """Show the paired differences in choice on the human test."""
    shown = [d for d in results["comparisons"] if (d["metric"], d["test"], d["source"]) == ("choice", "human", "all")]
    rows = [
        [
            f"`{d['arm']}` − `{d['against']}`",
            with_interval(d, "difference", plus=True),
            DASH if d["holm_p"] is None else "< 0.001" if d["holm_p"] < 0.001 else f"{d['holm_p']:.3f}",
        ]
        for d in shown
    ]
    return markdown(("pair", "difference in points", "p (Holm)"), rows)


def gains_table(results: Results) -> str:
    """Show what each arm's training data buys over the arm that all are held against, and for how much more."""
    titles = {
        ("choice", "human"): "choice",
        ("caption-chrf", "human"): "caption chrF",
        ("choice", "english"): "choice in English",
    }

    def per(found: dict[str, Any] | None) -> str:
        return DASH if found is None else with_interval(found, plus=True)

    rows = [
        [
            f"`{row['arm']}` − `{row['against']}`",
            titles[row["metric"], row["test"]],
            with_interval(row, "points", plus=True),
            f"{row['more_euros']:+.3f}".replace("-", "−"),
            number(row["more_expert_minutes"], plus=True),
            per(row["per_euro"]),
            per(row["per_expert_minute"]),
        ]
        for row in results.get("gains", ())
    ]
    headings = (
        "arms",
        "metric",
        "points",
        "euros",
        "expert minutes",
        "points for a euro",
        "points for an expert minute",
    )
    return markdown(headings, rows)


def training_text_table(results: Results) -> str:
    """Show how good each version of the training captions is against people's."""
    found = results["data"].get("training_text", {})
    rows = [
        [name, str(row["pictures"]), str(row["stamps"]), number(row["chrf"]), str(row["changed"])]
        for name, row in found.items()
    ]
    return markdown(("training text", "pictures", "of them stamps", "chrF to people's", "captions changed"), rows)


def study_table(results: Results) -> str:
    """Show every arm of a comparison on one's own model: its scores in the language, and the same in English."""
    metrics = results["headline_metrics"]
    rows = [
        [
            f"`{arm['name']}`",
            *(with_interval(score(arm, metric, "human")) for metric in [*metrics, "coco fidelity"]),
            *(with_interval(score(arm, metric, ENGLISH)) for metric in metrics),
            number(arm["cost"]["total_seconds"] / 60),
        ]
        for arm in results["arms"]
    ]
    headings = ("arm", *metrics, "fidelity of captions", *(f"{metric}, English" for metric in metrics), "minutes")
    counts = results["data"]
    said = (
        f"{counts['pictures']['test']} test pictures, {counts['questions']} questions; seeds: {len(results['seeds'])}."
    )
    return f"{markdown(headings, rows)}\n\n{said} 95% intervals by picture."


def study_differences_table(results: Results) -> str:
    """Show the paired differences of a comparison on one's own model, of all its headline metrics."""
    rows = [
        [
            f"`{d['arm']}` − `{d['against']}`",
            d["metric"] + (", English" if d["test"] == ENGLISH else ""),
            with_interval(d, "difference", plus=True),
            DASH if d["holm_p"] is None else "< 0.001" if d["holm_p"] < 0.001 else f"{d['holm_p']:.3f}",
        ]
        for d in results["comparisons"]
    ]
    return markdown(("pair", "metric", "difference in points", "p (Holm)"), rows)


TABLES: dict[str, Callable[[Results], str]] = {
    "results": results_table,
    "tests": tests_table,
    "differences": differences_table,
    "gains": gains_table,
    "training-text": training_text_table,
    "study": study_table,
    "study-differences": study_differences_table,
}


def fill(page: str, results: Results) -> str:
    """Return a page's text with the tables of `results` between its markers.

    Raises:
        ValueError: The page has no markers.
    """
    filled = 0
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        between = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if between.search(page):
            text = f"{begin}\n{table(results)}\n{end}"
            page = between.sub(lambda _, text=text: text, page)
            filled += 1
    if not filled:
        raise ValueError("the page has no markers such as <!-- results:begin --> and <!-- results:end -->")
    return page


def main(arguments: Sequence[str]) -> int:
    """Fill one page."""
    if len(arguments) not in (1, 2):
        print("usage: fill_results.py RUN_FOLDER [PAGE]", file=sys.stderr)
        return 2
    page = Path(arguments[1]) if len(arguments) == 2 else ROOT / "README.md"
    results = json.loads((Path(arguments[0]) / "results.json").read_text(encoding="utf-8"))
    page.write_text(fill(page.read_text(encoding="utf-8"), results), encoding="utf-8")
    print(f"filled {page}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
