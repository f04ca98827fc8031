"""How often an audit's interval with 100 labels holds the truth, and how much narrower it is than by labels alone.

    python benchmarks/audit_labels.py [TABLE.tsv ...] [--pairs 800] [--labels 100] [--draws 1000] [--cache FOLDER]

Sources: both translations of Tux Paint's test side; messages of the programs of this machine with their French
(``/usr/share/locale/fr``); tables with the columns ``en`` and ``fr``. Apertium translates them, the estimate that ships
judges them, and a pair is lost by the audit's own definition. From the pairs of a source labels are drawn again and
again, as ``review create --for-audit`` draws them and, beside that, by chance alone. Prints one JSON line a source.
"""

from __future__ import annotations

import argparse
import csv
import gettext
import json
import logging
import random
import re
from pathlib import Path
from typing import Any

import numpy as np

from passerelle.evaluation.statistics.prediction_powered import Labels, PoweredShare, chances, draw, powered_share
from passerelle.quality.base import Pair
from passerelle.quality.engines import Engines, bare
from passerelle.quality.estimate.calibrated import open_assess
from passerelle.quality.estimate.labels import tux_paint
from passerelle.quality.evidence.chrf import is_lost

CATALOGUES = Path("/usr/share/locale/fr/LC_MESSAGES")
PROGRAM_TEXT = re.compile(r"[%\n\t\x04<>{}\\$_|]|--")
WORDS = range(3, 26)
NAMES = ("iso", "xkeyboard")
"""Catalogues of names of countries, languages and keyboards."""


def messages() -> list[tuple[str, str, str]]:
    """Return sentences of programs' messages with their French and their catalogue."""
    found = {}
    for path in sorted(path for path in CATALOGUES.glob("*.mo") if not path.stem.startswith(NAMES)):
        with path.open("rb") as file:
            catalogue: dict[Any, str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        for text, french in catalogue.items():
            if isinstance(text, str) and french and text != french and not PROGRAM_TEXT.search(text + french):
                found[text] = (text, french, path.stem)
    return [row for row in found.values() if len(row[0].split()) in WORDS and row[0][0].isalpha()]


def table(path: Path) -> list[tuple[str, str, str]]:
    """Return a table's texts with their French."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["en"], row["fr"], row["en"]) for row in csv.DictReader(file, delimiter="\t")]


def translated(rows: list[tuple[str, str, str]], count: int) -> tuple[list[Pair], list[bool]]:
    """Translate a draw of a source; return pairs, and whether each is lost."""
    drawn = random.Random(1).sample(rows, min(count, len(rows)))
    way = Engines().translate([text for text, _, _ in drawn], "en", "fr")[0]
    pairs = [Pair(text, bare(way[text]), field="text", cluster=text, marked=way[text]) for text, _, _ in drawn]
    references = [french for _, french, _ in drawn]
    return pairs, [is_lost(pair.source, pair.target, want) for pair, want in zip(pairs, references, strict=True)]


def captions() -> tuple[list[Pair], list[bool]]:
    """Return the stamps of the test side in both translations, and whether each is lost."""
    found = tux_paint(Engines(), "fr", "test")
    stamps = [place for place, extra in enumerate(found.is_extra) if not extra]
    return [found.pairs[place] for place in stamps], [not found.accepted[place] for place in stamps]


def judged(name: str, tables: dict[str, Path], pairs: int, cache: Path | None) -> dict[str, list[Any]]:
    """Return a source's losses by the estimate, whether each is lost, and clusters; from the cache where it's there."""
    kept = None if cache is None else cache / f"{name}.json"
    if kept is not None and kept.is_file():
        found: dict[str, list[Any]] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    if name == "captions":
        made, lost = captions()
    else:
        made, lost = translated(messages() if name == "messages" else table(tables[name]), pairs)
    probability = [one.probability for one in open_assess("en", "fr").estimate(made)]
    found = {"loss": [1 - value for value in probability], "lost": lost, "cluster": [pair.cluster for pair in made]}
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found), encoding="utf-8")
    return found


def drawn(found: dict[str, list[Any]], chance: np.ndarray, seed: int) -> Labels:
    """Draw labels of a source with known chances."""
    places = draw(chance, seed)
    truth, predicted = np.asarray(found["lost"], dtype=float), np.asarray(found["loss"])
    clusters = [str(place) for place in places]
    return Labels(truth[places], predicted[places], np.ones(len(places)), chance[places], clusters)


def measured(found: dict[str, list[Any]], count: int, draws: int) -> dict[str, Any]:
    """Draw labels again and again; say how often each interval holds the truth, and how wide it is."""
    predicted, truth = np.asarray(found["loss"]), float(np.mean(found["lost"]))
    ways = {
        "by chance": np.full(len(predicted), count / len(predicted)),
        "for audit": chances(predicted, np.ones(len(predicted)), count),
    }
    shares: dict[str, list[PoweredShare]] = {"labels alone": [], "both, by chance": [], "both, for audit": []}
    for seed in range(draws):
        some = drawn(found, ways["by chance"], seed)
        shares["labels alone"].append(powered_share(some, float(predicted.mean()), power=0.0))
        shares["both, by chance"].append(powered_share(some, float(predicted.mean())))
        shares["both, for audit"].append(powered_share(drawn(found, ways["for audit"], seed), float(predicted.mean())))
    result: dict[str, Any] = {"pairs": len(predicted), "true": truth, "estimated": float(predicted.mean())}
    for name, made in shares.items():
        result[name] = {
            "covers": float(np.mean([one.low <= truth <= one.high for one in made])),
            "width": float(np.mean([one.high - one.low for one in made])),
            "bias": float(np.mean([one.value for one in made])) - truth,
        }
    return result


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path, nargs="*")
    parser.add_argument("--pairs", type=int, default=800)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    tables = {path.stem: path for path in options.tables}
    for name in ("captions", "messages", *tables):
        found = judged(name, tables, options.pairs, options.cache)
        print(json.dumps({"source": name, **measured(found, options.labels, options.draws)}), flush=True)


if __name__ == "__main__":
    main()
