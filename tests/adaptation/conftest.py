"""Tiny models of every family, and a few conversations about pictures, in French and in English."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from families.tiny import folder_of
from passerelle.adaptation.settings import AdaptSettings, load_adaptation

WORDS = {"fr": ("bateau", "chat", "arbre", "ballon"), "en": ("boat", "cat", "tree", "ball")}
ASKED = {"fr": ("Qu'est-ce que c'est ?", "Un {} rouge."), "en": ("What is this?", "A red {}.")}


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Compute in one thread: for models this small more only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def conversation(language: str, number: int, *, pictured: bool = True) -> dict[str, Any]:
    """Return a row in LLaVA's layout."""
    question, answer = ASKED[language]
    name = WORDS[language][number % 4]
    row: dict[str, Any] = {"id": f"{language}-{number}", "conversations": []}
    row["conversations"] += [
        {"from": "human", "value": ("<image>\n" if pictured else "") + question},
        {"from": "gpt", "value": answer.format(name)},
    ]
    return row | ({"image": f"{number % 4}.png"} if pictured else {})


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write four pictures, conversations in both languages, and some without a picture."""
    folder = tmp_path_factory.mktemp("data")
    for number in range(4):
        spots = np.random.default_rng(number).integers(0, 256, (8, 10, 3), dtype=np.uint8)
        Image.fromarray(spots).resize((60, 48), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    for language in ("fr", "en"):
        rows = [conversation(language, number) for number in range(12)]
        (folder / f"{language}.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    text = [conversation("fr", number, pictured=False) for number in range(4)]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in text)
    (folder / "text.jsonl").write_text(lines, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def models() -> Callable[[str], Path]:
    """Return what builds a family's tiny model, once."""
    return folder_of


@pytest.fixture
def settings(
    tmp_path: Path, data: Path, models: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AdaptSettings]:
    """Return what makes the settings of a small adaptation from a file, as a user would write it."""
    monkeypatch.setenv("PASSERELLE_CACHE", str(tmp_path / "cache"))

    def made(family: str = "llava", **changes: Any) -> AdaptSettings:
        content: dict[str, Any] = {
            "model_name_or_path": str(models(family)),
            "output_dir": str(tmp_path / "out"),
            "language": "fr",
            "data": [
                {"path": str(data / "fr.json"), "language": "fr", "origin": "human-translation"},
                {"path": str(data / "en.json"), "language": "en"},
                {"path": str(data / "text.jsonl"), "language": "fr", "origin": "native"},
            ],
            "max_steps": 8,
            "per_device_train_batch_size": 4,
            "learning_rate": 0.01,
            "dtype": "float32",
        }
        path = tmp_path / "adapt.yaml"
        path.write_text(json.dumps(content | changes), encoding="utf-8")  # JSON is YAML
        return load_adaptation(path)

    return made
