"""Engines that the data sets' tests name on the command line, and rows for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from format_files import CAPTIONS, picture

from nasty import NastyTranslator
from passerelle.translation.base import FakeTranslator
from passerelle.translation.dataset.job import Job
from passerelle.translation.engines import registry as engines


@pytest.fixture(autouse=True)
def cache(empty_cache: Path) -> Path:
    """Give each test a cache of its own."""
    return empty_cache


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeTranslator:
    """Make `--engine fake` the engine that this returns."""
    engine = FakeTranslator()
    monkeypatch.setitem(engines.ENGINES, "fake", lambda place, source, target, options: engine)
    return engine


@pytest.fixture
def nasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `--engine nasty:WAY` an engine that breaks things in that way."""
    monkeypatch.setitem(engines.ENGINES, "nasty", lambda way, source, target, options: NastyTranslator(way))


@pytest.fixture
def job(tmp_path: Path, fake: FakeTranslator) -> Callable[..., Job]:
    """Make a job on some lines of JSON."""

    def make(rows: list[Any], **settings: Any) -> Job:
        source = tmp_path / "en.jsonl"
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        source.write_bytes(b"".join(line + b"\n" for line in lines))
        wanted = {"engine": "fake", "fields": ("text",), "memory": tmp_path / "memory.sqlite", **settings}
        return Job(source=source, out=tmp_path / "out" / "fr.jsonl", target_language="fr", **wanted)

    return make


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with pictures in `images`."""
    for number in range(len(CAPTIONS)):
        for path in (f"{number}.png", f"train/{number}/image.png"):
            (tmp_path / "images" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "images" / path).write_bytes(picture())
    return tmp_path
