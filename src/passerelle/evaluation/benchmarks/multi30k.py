"""Multi30k (W16-3210): captions of one picture in several languages, a field a language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from passerelle.evaluation.benchmarks.base import Benchmark, Item, needed, picture_of
from passerelle.evaluation.benchmarks.captioning import METRICS, caption_item, score, texts_of


def read(row: Mapping[str, Any], language: str) -> list[Item]:
    """Read a row with a field for each language: ``{"image": …, "en": …, "fr": …}``."""
    picture = picture_of(row, "image", "filename", "image_path")
    identifier = picture if isinstance(picture, str) else needed(row, "id", "_number")
    return [caption_item(identifier, picture, texts_of(row.get(language)), language)]


BENCHMARK = Benchmark(
    name="multi30k",
    title="Multi30k",
    kind="caption",
    require=("image", "en"),
    read=read,
    score=score,
    source="https://aclanthology.org/W16-3210/",
    prompt="caption",
    metrics=METRICS,
    max_new_tokens=32,
)
