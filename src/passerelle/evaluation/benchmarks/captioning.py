"""Captions against several references: CIDEr-D and chrF, and how many are a yes or a no, which nobody asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.evaluation.benchmarks.base import BadItem, Item, Measure, Picture
from passerelle.evaluation.benchmarks.scoring import clusters, ids, percent
from passerelle.evaluation.metrics.captions import best_chrf_statistics, chrf_from_sums, chrf_signature
from passerelle.evaluation.metrics.cider import TOKENISER, cider_d
from passerelle.evaluation.statistics.significance import corpus_of
from passerelle.languages.prompts import english, find_prompts
from passerelle.records import Answer

CIDER = (0.0, 1000.0)
"""The least and the most that a caption scores by CIDEr-D."""
METRICS = ("cider-d", "chrf")
"""What a test of captions may be known by."""
_CLAUSE_END = re.compile(r"[,.;:!?…\n]")


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
    """Score CIDEr-D, chrF and the share that says yes or no."""
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
    spoken = [prompts for prompts in (find_prompts(items[0].language), english()) if prompts is not None]
    words = {word.casefold() for prompts in spoken for word in (prompts.yes, prompts.no)}
    said = tuple(_CLAUSE_END.split(text.strip())[0].strip().casefold() in words for text in hypotheses)
    of = (ids(items), clusters(items), f"first-clause:{','.join(sorted(words))}")
    return [cider, chrf, Measure("yes-or-no", percent(said), *of, right=said, direction="none")]
