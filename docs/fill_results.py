"""Write the tables of a run into a page, between its markers: fill_results.py RUN_FOLDER [PAGE [TABLE…]].

PAGE is README.md unless given. A page has one or more pairs of markers, as ``<!-- results:begin -->`` and
``<!-- results:end -->``; the tables are those of `TABLES`. Of a page
that holds tables of several runs those that are named are written. Everything else in the page stays as it is.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from passerelle.report.wording import metric_title

Results = dict[str, Any]
ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = (2, 3, 4)
ENGLISH = "english"
DASH = "–"


def number(value: float | None, *, plus: bool = False, digits: int = 1) -> str:
    """Write a number with a true minus sign; a dash where there is none."""
    if value is None:
        return DASH
    text = f"{value:+.{digits}f}" if plus else f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else f"{0:.{digits}f}"


def with_interval(found: dict[str, Any] | None, key: str = "value", *, plus: bool = False) -> str:
    """Write a score or a difference with its interval, as ``59.7 [53.1, 65.8]``, and what of it couldn't be read."""
    if found is None:
        return DASH
    low, high = (number(found[end], plus=plus) for end in ("low", "high"))
    unread = found.get("unread_share")
    more = f"; {with_interval(unread).replace(' [', '% unread [')}" if unread and unread["value"] else ""
    return f"{number(found[key], plus=plus)} [{low}, {high}]{more}"


def probability(p: float | None) -> str:
    """Write a p-value."""
    return DASH if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def score(arm: dict[str, Any], metric: str, test: str) -> dict[str, Any] | None:
    """Find an arm's score on a test."""
    wanted = (metric, test)
    return next((s for s in arm["scores"] if (s["metric"], s["test"]) == wanted), None)


def base_in_english(results: Results) -> dict[str, Any] | None:
    """Return the base's row on English questions."""
    return next((arm for arm in results["arms"] if arm["name"] == ENGLISH), None)


def english_metric(results: Results) -> str:
    """Return the metric that says how much English an arm kept: the first that the base has in English."""
    metrics: list[str] = results["headline_metrics"]
    base = base_in_english(results)
    return next((m for m in metrics if base and score(base, m, ENGLISH)), metrics[0])


def in_english(results: Results, arm: dict[str, Any], metric: str) -> dict[str, Any] | None:
    """Return an arm's score in English; an arm that trains nothing is the base."""
    base = base_in_english(results)
    of_base = score(base, metric, ENGLISH) if base else None
    return score(arm, metric, ENGLISH) or (of_base if arm["trained_on"] is None else None)


def named(arm: dict[str, Any]) -> str:
    """Return an arm's name for a table."""
    return f"`{arm['name']}`" + (" (failed)" if arm["status"] == "failed" else "")


def titled(row: dict[str, Any]) -> str:
    """Name the metric of a difference, and the test where it isn't the main one."""
    return metric_title(row["metric"]) + ("" if row["test"] == "human" else f", {row['test']}")


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def budget(train: dict[str, Any]) -> str:
    """Say how much the trained arms learnt from."""
    tokens, steps = train.get("max_tokens"), train.get("max_steps")
    if steps or not tokens:
        return f"{steps} steps" if steps else f"{train.get('num_train_epochs', 1)} epochs"
    return f"about {tokens:,} training tokens".replace(",", "\u202f")


def provenance(results: Results) -> str:
    """Say in one line what was run, on what, and when."""
    data, hardware, seeds = results["data"], results["hardware"], results["seeds"]
    parts = [
        f"Experiment `{results['name']}`, {results['target_name']}, {results['created'][:10]}",
        f"{data['pictures']['test']} test pictures, {data['questions']} questions",
        budget(results["config"]["train"]),
        f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''} of the trained arms",
        f"{hardware['cores']} cores ({hardware['cpu']})",
    ]
    return "; ".join(parts) + ". 95% intervals by picture. Minutes are those of one seed, as if the arm were alone."


def results_table(results: Results) -> str:
    """Show every arm's key metrics on its own test, the English that it kept, where that was asked, and its minutes."""
    metrics = results["key_metrics"]
    kept = [english_metric(results)] if any(s["test"] == ENGLISH for a in results["arms"] for s in a["scores"]) else []
    rows = []
    for arm in results["arms"]:
        test = ENGLISH if arm["name"] == ENGLISH else results["main_test"]
        cells = [with_interval(score(arm, metric, test)) for metric in metrics]
        cells += [with_interval(in_english(results, arm, metric)) for metric in kept]
        rows.append([named(arm), *cells, *_minutes(arm["cost"])])
    told_apart = "make" in results["arms"][0]["cost"]
    costs = ("core minutes to make", "core minutes for 1,000 answers") if told_apart else ("minutes",)
    headings = ("arm", *map(metric_title, metrics), *("English kept" for _ in kept), *costs)
    warnings = " ".join(results.get("warnings", ()))
    return "\n\n".join(filter(None, [warnings, markdown(headings, rows), provenance(results)]))


def _minutes(cost: dict[str, Any]) -> list[str]:
    """Return what an arm takes to make and for its answers; of older results the one sum, by the clock."""
    if "make" not in cost:
        return [number(cost["total_seconds"] / 60)]
    return [number(cost[of]["processor_seconds"] / 60) if cost[of] else "–" for of in ("make", "per_1000")]


def english_table(results: Results) -> str:
    """Show every arm on each test in English."""
    metrics = [m for m in results["headline_metrics"] if any(score(a, m, ENGLISH) for a in results["arms"])]
    rows = [
        [named(arm), *(with_interval(in_english(results, arm, metric)) for metric in metrics)]
        for arm in results["arms"]
    ]
    return markdown(("arm", *(f"{metric_title(metric)}, English" for metric in metrics)), rows)


def tests_table(results: Results) -> str:
    """Put each arm's scores on the human test beside those on the machine-translated one."""
    arms = [arm for arm in results["arms"] if arm["name"] != ENGLISH]
    metrics = [m for m in results["key_metrics"] if any(score(arm, m, "machine") for arm in arms)]
    columns = [(metric, test) for metric in metrics for test in ("human", "machine")]
    rows = [[named(arm), *(with_interval(score(arm, metric, test)) for metric, test in columns)] for arm in arms]
    return markdown(["arm", *(f"{metric_title(metric)}, {test}" for metric, test in columns)], rows)


def captions_table(results: Results) -> str:
    """Show every score of each test of captions in the target language, and what single seeds say."""
    spoken = results["main_test"]
    tests = [
        metric.removesuffix(YES_OR_NO)
        for metric in dict.fromkeys(s["metric"] for arm in results["arms"] for s in arm["scores"])
        if metric.endswith(YES_OR_NO)
    ]
    found = (s["metric"] for arm in results["arms"] for s in arm["scores"] if s["test"] == spoken)
    metrics = [m for m in dict.fromkeys(found) if any(m == test or m.startswith(f"{test} ") for test in tests)]
    rows = [
        [named(arm), *(_with_seeds(arm, metric, spoken) for metric in metrics)]
        for arm in results["arms"]
        if any(score(arm, metric, spoken) for metric in metrics)
    ]
    return markdown(("arm", *map(metric_title, metrics)), rows)


YES_OR_NO = " yes-or-no"


def _with_seeds(arm: dict[str, Any], metric: str, test: str) -> str:
    seeds = [s["value"] for s in arm.get("seed_scores", ()) if (s["metric"], s["test"]) == (metric, test)]
    return with_interval(score(arm, metric, test)) + (f" ({'; '.join(map(number, seeds))})" if seeds else "")


def differences_table(results: Results) -> str:
    """Show the paired differences in what arms are ranked by."""
    metric, test = results["headline_metrics"][0], results["main_test"]
    rows = [
        [f"`{d['arm']}` − `{d['against']}`", with_interval(d, "difference", plus=True), probability(d["holm_p"])]
        for d in results["comparisons"]
        if (d["metric"], d["test"]) == (metric, test)
    ]
    return markdown(("pair", "difference in points", "p (Holm)"), rows)


def all_differences_table(results: Results) -> str:
    """Show the paired differences on every test."""
    rows = [
        [
            f"`{d['arm']}` − `{d['against']}`",
            titled(d),
            with_interval(d, "difference", plus=True),
            probability(d["holm_p"]),
        ]
        for d in results["comparisons"]
    ]
    return markdown(("pair", "metric", "difference in points", "p (Holm)"), rows)


def gains_table(results: Results) -> str:
    """Show what each arm's training data buys over the arm that all are held against, and for how much more."""

    def per(found: dict[str, Any] | None) -> str:
        return DASH if found is None else with_interval(found, plus=True)

    rows = [
        [
            f"`{row['arm']}` − `{row['against']}`",
            titled(row),
            with_interval(row, "points", plus=True),
            number(row["more_euros"], plus=True, digits=3),
            number(row["more_expert_minutes"], plus=True),
            per(row["per_euro"]),
            per(row["per_expert_minute"]),
        ]
        for row in results["gains"]
    ]
    headings = (
        "arms", "metric", "points", "euros", "expert minutes", "points for a euro", "points for an expert minute",
    )  # fmt: skip
    return markdown(headings, rows)


def training_text_table(results: Results) -> str:
    """Show how good each version of the machine text is against people's."""
    rows = [
        [
            *(name, str(row["rows"]), str(row["rejected"]), row["by"]),
            *(number(row.get("chrf")), number(row.get("questions_chrf")), str(row.get("questions", DASH))),
        ]
        for name, row in results["data"]["training_text"].items()
    ]
    headings = ("training text", "rows", "left out", "made by", "replies' chrF", "questions' chrF", "questions")
    return markdown(headings, rows)


def curves_table(results: Results) -> str:
    """Show the headline metric at every size of data, what each step brought, and where an arm is level with others."""
    metric, test = results["headline_metrics"][0], results["main_test"]
    rows = [
        [f"`{curve['arm']}`", *_point(curve, point, metric, test)]
        for curve in results["curves"]
        for point in curve["points"]
    ]
    headings = ("arm", "examples", metric_title(metric), "by seed", "the step brought", "core minutes to make", "euros")
    levels = [
        [f"`{arm['name']}`", DASH, with_interval(score(arm, metric, test)), DASH, DASH, *_costs(arm["cost"]["make"])]
        for arm in results["arms"]
        if arm["name"] in {row["against"] for curve in results["curves"] for row in curve["crossings"]}
    ]
    found = [
        f"- `{curve['arm']}` against `{row['against']}`: {_crossing(row, curve)}"
        for curve in results["curves"]
        for row in curve["crossings"]
        if (row["metric"], row["test"]) == (metric, test)
    ]
    return "\n\n".join([markdown(headings, [*rows, *levels]), "\n".join(found), provenance(results)])


def _point(curve: dict[str, Any], point: dict[str, Any], metric: str, test: str) -> list[str]:
    if point["status"] != "done":
        return [f"{point['budget']} ({point['status']})", *[DASH] * 5]
    steps = curve["steps"]
    step = next((s for s in steps if (s["metric"], s["test"], s["to"]) == (metric, test, point["samples"])), None)
    seeds = [s["value"] for s in point["seed_scores"] if (s["metric"], s["test"]) == (metric, test)]
    return [
        str(point["samples"]),
        with_interval(score(point, metric, test)),
        "; ".join(map(number, seeds)) or DASH,
        with_interval(step, "difference", plus=True),
        *_costs(point["make"]),
    ]


def _costs(make: dict[str, Any]) -> list[str]:
    return [number(make["processor_seconds"] / 60), number(make["euros"], digits=4)]


def _crossing(row: dict[str, Any], curve: dict[str, Any]) -> str:
    words = {"before": "before the first size", "beyond": "beyond the last"}
    ends = [words.get(row["where"][end]) or f"{row[end]:.0f}" for end in ("value", "low", "high")]
    last = f"at the last size it is {with_interval(row['last'], 'difference', plus=True)} points from it"
    if row["where"]["value"] != "beyond":
        return f"level at {ends[0]} examples [{ends[1]}, {ends[2]}]; {last}."
    most = max(point["samples"] or 0 for point in curve["points"])
    often = f"; in {100 * row['share']:.0f} of 100 resamples it does"
    return f"doesn't come level within what was measured, up to {most} examples{often}; {last}."


TABLES: dict[str, Callable[[Results], str]] = {
    "results": results_table,
    "english": english_table,
    "tests": tests_table,
    "captions": captions_table,
    "differences": differences_table,
    "all-differences": all_differences_table,
    "gains": gains_table,
    "training-text": training_text_table,
    "curves": curves_table,
}


def fill(page: str, results: Results, only: Sequence[str] = ()) -> str:
    """Return a page's text with the tables of `results` between its markers; those named in `only`, or all.

    Raises:
        ValueError: The page has no markers, or the results are of another version.
    """
    if results.get("schema") not in SCHEMAS:
        raise ValueError(
            f"these results have schema {results.get('schema')!r}, not one of {SCHEMAS}: run the comparison again"
        )
    filled = 0
    for name, table in TABLES.items():
        if (only and name not in only) or (name == "curves" and not results.get("curves")):
            continue
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
    if not arguments:
        print("usage: fill_results.py RUN_FOLDER [PAGE [TABLE…]]", file=sys.stderr)
        return 2
    page = Path(arguments[1]) if len(arguments) > 1 else ROOT / "README.md"
    results = json.loads((Path(arguments[0]) / "results.json").read_text(encoding="utf-8"))
    page.write_text(fill(page.read_text(encoding="utf-8"), results, arguments[2:]), encoding="utf-8")
    print(f"filled {page}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
