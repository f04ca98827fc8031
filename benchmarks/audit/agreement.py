"""Which figure agrees best with a reader's verdicts, by a text's length.

    python -m benchmarks.audit.agreement [--docs docs/reference/quality.md]

A proxy calls a pair lost where it is below a threshold: one for all lengths, or one that rises with the logarithm of
the text's words up to a highest one. Thresholds are chosen on one half of ``judged.tsv``: verdicts on Apertium's
translations, and second translations by people, which count as accepted. Every figure is of the other half. Prints a
table as Markdown; with ``--docs`` it is written there. So is what was said of neural engines' and people's texts
(``judged-neural.tsv``).
"""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.audit import tables
from benchmarks.audit.degrade import GREAT, SMALL
from benchmarks.audit.judge import JUDGED, NEURAL
from benchmarks.audit.proxies import PROXIES
from passerelle.quality.evidence.chrf import LOST_AT, LOST_MORE, LOST_MOST

Rows = list[dict[str, str]]
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

STEPS = np.arange(10.0, 95.0, 2.5)
SLOPES = np.arange(0.0, 20.5, 2.5)
"""Points for each doubling of a text's words."""
LOST_PEOPLE = "people's called lost"
GROUPS = (1, 4, 11)
"""Fewest words of short, middle and long texts."""


class Rule(NamedTuple):
    """Below what a pair is lost: ``at`` for one word, ``slope`` more for each doubling of them, at most ``most``."""

    at: float
    slope: float = 0.0
    most: float = 100.0

    def accepts(self, figures: Numbers, words: Numbers) -> Flags:
        """Say which pairs aren't lost."""
        return figures >= np.minimum(self.at + self.slope * np.log2(words), self.most)

    def __str__(self) -> str:
        return f"{self.at:g}" + (f" + {self.slope:g} log2(words), at most {self.most:g}" if self.slope else "")


SHIPPING = Rule(LOST_AT, LOST_MORE, LOST_MOST)


class Half(NamedTuple):
    """Judged pairs: whether each was accepted, whether people made it, its words [pairs]."""

    rows: Rows
    accepted: Flags
    by_people: Flags
    words: Numbers

    def figures(self, proxy: str) -> Numbers:
        """Return a proxy's figures [pairs]."""
        return np.array([float(row[proxy]) for row in self.rows])


def half(rows: Rows, name: str) -> Half:
    """Return one half of what Apertium and people made."""
    ours = [row for row in rows if row["half"] == name and row["engine"] != "degraded"]
    accepted = np.array([row["accepted"] == "1" for row in ours])
    by_people = np.array([row["engine"] == "people" for row in ours])
    return Half(ours, accepted, by_people, np.array([float(row["words"]) for row in ours]))


def kappa(one: Flags, other: Flags) -> float:
    """Return Cohen's kappa of two raters who say yes or no."""
    by_chance = one.mean() * other.mean() + (1 - one.mean()) * (1 - other.mean())
    return float(((one == other).mean() - by_chance) / (1 - by_chance)) if by_chance < 1 else 0.0


def choose(pairs: Half, proxy: str, *, by_length: bool) -> Rule:
    """Choose the rule with the highest kappa, the middle one of equals."""
    rules = [Rule(at) for at in STEPS]
    if by_length:
        rules = [Rule(at, slope, most) for at in STEPS for slope in SLOPES for most in STEPS if most >= at]
    figures = pairs.figures(proxy)
    scores = [round(kappa(rule.accepts(figures, pairs.words), pairs.accepted), 9) for rule in rules]
    best = [rule for rule, score in zip(rules, scores, strict=True) if score == max(scores)]
    return best[len(best) // 2]


def measured(pairs: Half, said: Flags) -> dict[str, float]:
    """Return how a rule agrees: with all, with verdicts on Apertium alone, and how many of people's it calls lost."""
    read = ~pairs.by_people
    return {
        "accuracy": float((said == pairs.accepted).mean()),
        "kappa": kappa(said, pairs.accepted),
        "kappa, read": kappa(said[read], pairs.accepted[read]),
        "lost, read": float((~said[read]).mean()),
        LOST_PEOPLE: float((~said[pairs.by_people]).mean()),
    }


def results(rows: Rows) -> dict[str, dict[str, object]]:
    """Return for each rule what it is and how it agrees on the half that it wasn't chosen on."""
    first, other = half(rows, "choose"), half(rows, "keep")
    found: dict[str, dict[str, object]] = {}
    for proxy in PROXIES:
        for by_length in (False, True):
            rule = choose(first, proxy, by_length=by_length)
            said = rule.accepts(other.figures(proxy), other.words)
            name = f"{proxy}, {'by length' if by_length else 'one threshold'}"
            found[name] = {"rule": str(rule), **measured(other, said)}
    old = Rule(40).accepts(other.figures("chrf"), other.words)
    found["chrf below 40"] = {"rule": "40", **measured(other, old)}
    said = SHIPPING.accepts(other.figures("chrf"), other.words)
    return found | {"as it ships": {"rule": str(SHIPPING), **measured(other, said)}}


def table(found: dict[str, dict[str, object]], rows: Rows) -> str:
    """Write results and what they were taken on as Markdown."""
    other = half(rows, "keep")
    by_reader = 1 - float(other.accepted[~other.by_people].mean())
    lines = [f"| a pair is lost below | chosen on the first half | accuracy | kappa | kappa on what was read | lost of "
             f"that (reader: {by_reader:.0%}) | people's called lost |", "|---|---|---|---|---|---|---|"]  # fmt: skip
    for name, one in found.items():
        cells = [name, str(one["rule"]), *(f"{one[key]:.2f}" for key in ("accuracy", "kappa", "kappa, read")),
                 f"{one['lost, read']:.0%}", f"{one[LOST_PEOPLE]:.0%}"]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *lengths(other), "", built(rows)])


def lengths(pairs: Half) -> list[str]:
    """Write how the rule that ships agrees, by length, beside chrF below 40."""
    lines = ["| words | pairs | lost, as judged | as it ships | accuracy | accuracy of chrF below 40 |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for fewest, most in pairwise([*GROUPS, 41]):
        here = (pairs.words >= fewest) & (pairs.words < most)
        truth, figures = pairs.accepted[here], pairs.figures("chrf")[here]
        said, old = (rule.accepts(figures, pairs.words[here]) for rule in (SHIPPING, Rule(40)))
        lost, called = (f"{1 - one.mean():.0%}" for one in (truth, said))
        right = [f"{(one == truth).mean():.2f}" for one in (said, old)]
        name = f"{fewest}–{most - 1}"
        lines.append(f"| {' | '.join([name, str(len(truth)), lost, called, *right])} |")
    return lines


def built(rows: Rows) -> str:
    """Say how the reader's verdicts agree with what was put into translations on purpose."""
    ours = [row for row in rows if row["engine"] == "degraded"]
    accepted = np.array([row["accepted"] == "1" for row in ours])
    sound = np.array([not set(row["faults"].split()) & set(GREAT) for row in ours])
    small = np.array([row["faults"] in SMALL for row in ours])
    return (
        f"Of {len(ours)} translations with faults put in, those without a great one were accepted in "
        f"{int((accepted & sound).sum())} of {int(sound.sum())} cases\n(of those with only a small one in "
        f"{int((accepted & small).sum())} of {int(small.sum())}), those with a great one in "
        f"{int((accepted & ~sound).sum())} of {int((~sound).sum())} (kappa {kappa(sound, accepted):.2f})."
    )


def neural(rows: Rows) -> str:
    """Write what readers said of neural engines' and people's translations, and how chrF agrees, as Markdown."""
    lines = [
        "| translated by | pairs | accepted | refused for the sense | for grammar | else |",
        "|---|---|---|---|---|---|",
    ]
    for engine in sorted({row["engine"] for row in rows}):
        ours = [row for row in rows if row["engine"] == engine]
        why = Counter(row["why"] for row in ours if row["accepted"] == "0")
        other = sum(why.values()) - why["sense"] - why["grammar"]
        accepted = f"{sum(row['accepted'] == '1' for row in ours) / len(ours):.0%}"
        cells = engine, len(ours), accepted, why["sense"], why["grammar"], other
        lines.append(f"| {' | '.join(map(str, cells))} |")
    twice = [row for row in rows if row["again"]]
    first, again = (np.array([row[key] in ("1", "yes") for row in twice]) for key in ("accepted", "again"))
    scored = [row for row in rows if row["chrf"] and row["engine"] != "people"]
    truth = np.array([row["accepted"] == "1" for row in scored])
    figures, words = (np.array([float(row[key]) for row in scored]) for key in ("chrf", "words"))
    said = SHIPPING.accepts(figures, words)
    best = max(kappa(truth, Rule(at).accepts(figures, words)) for at in STEPS)
    return "\n".join(
        [
            *lines,
            "",
            f"{len(twice)} pairs were read twice: kappa {kappa(first, again):.2f}. On the {len(scored)} of "
            "neural engines that have a reference, chrF below what counts as lost agrees with the readers by a kappa "
            f"of {kappa(truth, said):.2f}, and with any one threshold by at most {best:.2f}.",
        ]
    )


def main() -> None:
    """Print the table, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=Path, help="the page whose table is written")
    options = parser.parse_args()
    rows = tables.read(JUDGED)
    tables.show({"lost": table(results(rows), rows), "neural": neural(tables.read(NEURAL))}, options.docs)


if __name__ == "__main__":
    main()
