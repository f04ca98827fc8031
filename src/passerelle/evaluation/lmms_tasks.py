"""What lmms-eval asks of an exported task: pictures, prompts, and scores by this package's own benchmarks."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from passerelle.evaluation.benchmarks.base import Item, Measure
from passerelle.evaluation.benchmarks.registry import find_benchmark
from passerelle.evaluation.benchmarks.scoring import GENERATE
from passerelle.records import Answer

_NAMES = tuple(field.name for field in fields(Item) if field.name not in ("picture", "extra"))


def item_text(item: Item) -> str:
    """Write an item as JSON, its picture by its key."""
    known = {name: getattr(item, name) for name in _NAMES}
    return json.dumps({**known, "picture": str(item.picture or "")}, ensure_ascii=False)


def item_of(text: str) -> Item:
    """Read what `item_text` wrote."""
    known = json.loads(text)
    known["options"], known["references"] = tuple(known["options"]), tuple(known["references"])
    return Item(**{**known, "picture": known["picture"] or None})


def doc_to_visual(doc: Mapping[str, Any]) -> list[Any]:
    """Return a row's picture, as a list of none or one."""
    from PIL import Image

    content = doc.get("image")
    return [Image.open(io.BytesIO(content)).convert("RGB")] if content else []


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: object = None) -> str:
    """Return a row's prompt."""
    return str(doc["prompt"])


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, dict[str, str]]:
    """Keep what was said beside the item; all are scored together at the end."""
    kept = {"benchmark": doc["benchmark"], "item": doc["item"], "text": str(results[0])}
    return {"localised": kept, "published": kept}


def localised(results: Sequence[Mapping[str, str]]) -> float:
    """Score by the rules of the answers' own language."""
    return _headline(results, "localised")


def published(results: Sequence[Mapping[str, str]]) -> float:
    """Score by the published, English rules."""
    return _headline(results, "published")


def _headline(results: Sequence[Mapping[str, str]], parser: str) -> float:
    benchmark = find_benchmark(results[0]["benchmark"])
    pairs = sorted(((item_of(r["item"]), r["text"]) for r in results), key=lambda pair: pair[0].id)
    items = [item for item, _ in pairs]
    measures = benchmark.score(items, [Answer(item.id, text=text) for item, text in pairs], GENERATE, "")
    head = next(measure for measure in measures if measure.headline)
    return _value(next((m for m in measures if _same(m, head) and m.parser in ("", parser)), head))


def _same(measure: Measure, head: Measure) -> bool:
    return (measure.metric, measure.subtask) == (head.metric, head.subtask)


def _value(measure: Measure) -> float:
    return float(measure.statistic(np.ones((1, len(measure.units))))[0])
