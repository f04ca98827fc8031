"""Writes what `benchmarks.audit.fit` measured as tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

ENGINES = ("apertium", "mended", "degraded", "neural", "people")
"""Kinds of engine; what people wrote stands for one that makes no errors."""
TOLD = ENGINES[:-1]
"""Kinds of which some pairs are lost and some aren't."""
ALL = "all"
"""Stands for the pairs of all kinds together."""
NONE = "–"
"""Stands in a table where there is nothing to say."""
_Results = Sequence[Mapping[str, Any]]


def tables_of(language: str, results: _Results) -> dict[str, str]:
    """Return a language's tables, by the names of their marks."""
    return {f"fit {language}": table(results), f"kinds {language}": by_kind(results)}


def areas(one: Mapping[str, Any]) -> str:
    """Write a table's AUC by kind of engine, and of all."""
    return _each(one, lambda found: f"{found['auc']['value']:.2f}" if found["auc"] else NONE)


def errors(one: Mapping[str, Any]) -> str:
    """Write a table's calibration error by kind of engine, and of all."""
    return _each(one, lambda found: f"{found['ece']:.2f}")


def _each(one: Mapping[str, Any], write: Any) -> str:
    return " / ".join(write(one[name]) if name in one else NONE for name in (*TOLD, ALL))


def share(found: Mapping[str, Any]) -> str:
    """Write an estimated share with its interval."""
    return "{:.1f}% [{:.1f}, {:.1f}]".format(*(100 * found[key] for key in ("estimated", "low", "high")))


def table(results: _Results) -> str:
    """Write how the estimate does on each source."""
    lines = [
        f"| source, never seen | pairs | AUC: {' / '.join((*TOLD, ALL))} | Apertium, by length alone | "
        "calibration error, likewise | Spearman | lost, estimated [95%] | truly | gate's way to the oracle |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        whole, ruled = one[ALL], one.get("apertium")
        rho, gate, length = (
            (f"{ruled['spearman']:.2f}", f"{ruled['gate']:.0%}", f"{ruled['by length']:.2f}") if ruled else (NONE,) * 3
        )
        true = f"{100 * whole['true']:.1f}%"
        cells = one["source"], f"{whole['pairs']:,}", areas(one), length, errors(one), rho, share(whole), true, gate
        lines.append(f"| {' | '.join(cells)} |")
    draws = [draw for one in results for draw in one["draws"]]
    held = sum(draw["holds"] for draw in draws)
    width = float(np.median([draw["high"] - draw["low"] for draw in draws]))
    lines += [
        "",
        f"Of {len(draws)} draws, each of one kind of pairs of a source never seen, the interval holds the true share "
        f"in {held} ({held / len(draws):.0%}); its median width is {100 * width:.0f} points.",
    ]
    return "\n".join(lines)


def by_kind(results: _Results) -> str:
    """Write how the estimate does on each kind of engine, over all sources."""
    lines = [
        "| engine | sources | pairs | AUC, median [range] | calibration error, likewise | lost, estimated | truly | "
        "the interval holds the share |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in ENGINES:
        found = [one[name] for one in results if name in one]
        if not found:
            continue
        pairs = np.array([one["pairs"] for one in found])
        estimated, true = (
            f"{np.average([one[key] for one in found], weights=pairs):.1%}" for key in ("estimated", "true")
        )
        told = [one["auc"]["value"] for one in found if one["auc"]]
        held = f"{sum(one['holds'] for one in found)} of {len(found)}"
        cells = name, str(len(found)), f"{pairs.sum():,}", _range(told), _range([one["ece"] for one in found])
        lines.append(f"| {' | '.join((*cells, estimated, true, held))} |")
    return "\n".join(lines)


def _range(values: Sequence[float]) -> str:
    return f"{np.median(values):.2f} [{min(values):.2f}, {max(values):.2f}]" if values else NONE
