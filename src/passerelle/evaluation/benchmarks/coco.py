"""COCO captions (1504.00325) and data of their kind: one caption a picture against all of its references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from passerelle.evaluation.benchmarks.base import Benchmark, Item, needed, picture_of
from passerelle.evaluation.benchmarks.captioning import METRICS, caption_item, score, texts_of

_CAPTIONS = ("captions", "sentences", "references", "answer", "caption")


def read(row: Mapping[str, Any], language: str) -> list[Item]:
    """Read a picture with its captions; of COCO's own file, they are put together by picture before."""
    given = next((row[name] for name in _CAPTIONS if row.get(name)), None)
    identifier = needed(row, "image_id", "id", "question_id", "_key", "_number")
    return [caption_item(identifier, picture_of(row, "image", "file_name"), texts_of(given), language)]


BENCHMARK = Benchmark(
    name="coco",
    title="COCO captions",
    kind="caption",
    require=("image_id", "captions"),
    read=read,
    score=score,
    source="https://arxiv.org/abs/1504.00325",
    prompt="caption",
    metrics=METRICS,
    max_new_tokens=32,
)
