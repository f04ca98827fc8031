"""A small comparison on files of one's own, which several tests run: a tiny model, conversations, benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmark_files import COLOURS, write_bench
from passerelle.runs import cache_folder

ARMS: dict[str, Any] = {
    "zero-shot": None,
    "prompted": None,
    "pipeline": None,
    "lora": {"text": "machine"},
    "lora-gated": {"method": "lora", "text": "machine", "screen": "gate"},
    "lora-random": {"method": "lora", "text": "machine", "screen": "random"},
    "lora-repaired": {"method": "lora", "text": "machine", "screen": "repair"},
    "lora-human": {"method": "lora", "text": "human"},
    "two-stage": {"text": "machine"},
}
SAID = {
    "en": ("What colour is it?", "It is a {} square on the wall."),
    "fr": ("De quelle couleur est-ce ?", "C'est un carré {} sur le mur."),
}


def conversation(language: str, number: int, colour: str) -> dict[str, Any]:
    """Return a row in LLaVA's layout; the same ids in both languages."""
    asked, said = SAID[language]
    name = colour if language == "en" else COLOURS[colour]
    turns = [{"from": "human", "value": f"<image>\n{asked}"}, {"from": "gpt", "value": said.format(name)}]
    return {"id": str(number), "image": f"{colour}.png", "conversations": turns}


def own_cache(folder: Path) -> str:
    """Make a cache with nothing in it but what takes long to make and is the same for everybody; return its path."""
    folder.mkdir()
    for name in ("derived", "dictionaries", "fluency"):
        shared = cache_folder() / name
        shared.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(shared)
    return str(folder)


def write_own(folder: Path) -> Path:
    """Write conversations and benchmarks in English and French, and their pictures; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_bench(folder)
    for language in ("en", "fr"):
        rows = [conversation(language, number, colour) for number, colour in enumerate([*COLOURS] * 3)]
        (folder / f"{language}.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return folder


def write_experiment(folder: Path, **changes: Any) -> Path:
    """Write the experiment; keys are replaced whole."""
    content: dict[str, Any] = {
        "name": "own",
        "model": "model",
        "language": "fr",
        "answers": "sum",
        "data": {"english": "en.json", "human": {"path": "fr.json", "origin": "human-translation"}},
        "tests": [
            {"benchmark": "mmbench=mmb-{language}.tsv", "machine": True},
            {"benchmark": "pope=pope-{language}.jsonl"},
        ],
        "train": {"max_steps": 4, "per_device_train_batch_size": 2, "dtype": "float32"},
        "arms": ARMS,
        "seeds": [1, 2],
    }
    path = folder / "own.yaml"
    path.write_text(json.dumps(content | changes), encoding="utf-8")  # JSON is YAML
    return path


def scores(results: dict[str, Any], *names: str) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """Return every score with its interval by arm, metric and test."""
    return {
        (arm["name"], score["metric"], score["test"]): (score["value"], score["low"], score["high"], score["items"])
        for arm in results["arms"]
        for score in arm["scores"]
        if not names or arm["name"] in names
    }
