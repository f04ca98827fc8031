"""Crossmodal-3600 (2205.12522): captions in 36 languages that people wrote without seeing one another's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from passerelle.evaluation.benchmarks.base import Benchmark, Item, needed
from passerelle.evaluation.benchmarks.captioning import METRICS, caption_item, score, texts_of


def read(row: Mapping[str, Any], language: str) -> list[Item]:
    """Read a line of ``captions.jsonl``."""
    key, given = needed(row, "image/key"), row.get(language)
    captions = given.get("caption") if isinstance(given, Mapping) else None
    return [caption_item(key, f"{key}.jpg", texts_of(captions), language)]


BENCHMARK = Benchmark(
    name="xm3600",
    title="Crossmodal-3600",
    kind="caption",
    require=("image/key",),
    read=read,
    score=score,
    source="https://arxiv.org/abs/2205.12522",
    prompt="caption",
    metrics=METRICS,
    max_new_tokens=32,
)
