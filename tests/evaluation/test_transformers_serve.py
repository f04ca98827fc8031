"""Tiny models behind `transformers serve`, in a process of its own, answer and translate as they do in this one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from families.tiny import build
from passerelle.evaluation.one_question import ask
from passerelle.translation.engines.registry import make_engine
from tiny_causal import make_causal

pytest.importorskip("openai")
pytest.importorskip("httpx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("llava", tmp_path_factory.mktemp("served") / "model")


@pytest.fixture(scope="module")
def url(served_url: str) -> str:
    return served_url


def test_answers_are_those_of_the_model_in_process(
    folder: Path, url: str, tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, colour in enumerate(((200, 0, 0), (0, 0, 200))):
        Image.new("RGB", (60, 40), colour).save(tmp_path / f"{number}.png")
    served = f"openai{{timeout_seconds: 100}}:{folder}@{url}"
    # The server computes in the type that the weights are kept in, also where this processor is quicker in bf16.
    monkeypatch.setattr("passerelle.models.pretrained.best_dtype", lambda device: torch.float32)
    for prefix, question in (("", "Quoi ?"), ("prompted:", "Est-ce un chat ?")):
        for number in range(2):
            asked = (tmp_path / f"{number}.png", question)
            assert ask(*asked, prefix + served, "fr", 24) == ask(*asked, f"{prefix}{folder}", "fr", 24)


def test_translations_are_those_of_the_model_in_process(url: str, tmp_path: Path) -> None:
    model = make_causal(tmp_path / "TowerInstruct-tiny")
    texts = ["A dog.", "The black dog sees the garden.", " été 🦜 ", "", "x", "A dog."]
    here = make_engine(f"causal:{model}", "en", "fr")
    for style, system in (("tower", True), ("hunyuan-mt", True), ("plain", True), ("plain", False)):
        told = make_engine(f"causal:{model}", "en", "fr", style=style, system=system)
        served = make_engine(f"openai:{model}@{url}", "en", "fr", style=style, system=system, concurrency=1)
        translations = served.translate(texts)
        assert translations == told.translate(texts) and len(set(translations)) > 2
        assert (told.translate(texts) == here.translate(texts)) == (style == "tower")
        served.close()
