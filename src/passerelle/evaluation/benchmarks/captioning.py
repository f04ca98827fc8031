"""Captions against several references: CIDEr-D and chrF, and whether they are in the language asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.evaluation.benchmarks.base import BadItem, Item, Measure, Picture
from passerelle.evaluation.benchmarks.scoring import clusters, ids, percent
from passerelle.evaluation.metrics.captions import best_chrf_statistics, chrf_from_sums, chrf_signature
from passerelle.evaluation.metrics.cider import TOKENISER, cider_d
from passerelle.evaluation.statistics.significance import corpus_of
from passerelle.records import Answer

CIDER = (0.0, 1000.0)
"""The least and the most that a caption scores by CIDEr-D."""


def caption_item(identifier: str, picture: Picture, references: Sequence[Any], language: str) -> Item:
    """Make an item of a picture and its captions.

    Raises:
        BadItem: It has no caption.
    """
    texts = tuple(str(text).strip() for text in references if text is not None and str(text).strip())
    if not texts:
        raise BadItem(f"no caption in {language!r}")
    return Item(identifier, "", language, picture=picture, references=texts)


def texts_of(value: Any) -> list[Any]:
    """Return captions from a text, a list of texts, or a list of rows with a ``caption``."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [each.get("caption", each.get("raw")) if isinstance(each, Mapping) else each for each in value]
    return []


def score(items: Sequence[Item], answers: Sequence[Answer], method: str, rules: str = "") -> list[Measure]:
    """Score CIDEr-D and chrF."""
    hypotheses, references = [answer.text for answer in answers], [item.references for item in items]
    unmatched = sum(not text.strip() for text in hypotheses)
    counts = sorted({len(each) for each in references})
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]}-{counts[-1]}"
    ciders = cider_d(hypotheses, references)
    cider = Measure(
        "cider-d",
        percent(ciders),
        ids(items),
        clusters(items),
        f"cider-d|n:4|sigma:6|tok:{TOKENISER}|refs:{number}",
        unmatched=unmatched,
        unit="points",
        bounds=CIDER,
        headline=True,
        scores=tuple(min(100 * float(value), CIDER[1]) for value in ciders),
    )
    chrf = Measure(
        "chrf",
        corpus_of(best_chrf_statistics(hypotheses, references), chrf_from_sums),
        ids(items),
        clusters(items),
        f"{chrf_signature().replace('nrefs:1', f'nrefs:{number}')}",
        unmatched=unmatched,
        unit="points",
    )
    return [cider, chrf]
