"""The page on served models runs as it stands, on small models behind a real server: addresses and names differ."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmark_files import write_spots
from comparisons import own_cache
from families.tiny import build
from json_translator import make_json_translator
from test_docs import ROOT
from test_own_model_tutorial import Reader

PAGE = ROOT / "docs" / "howto" / "larger-models.md"
ADDRESS = "http://localhost:8000/v1"
MODEL, TRANSLATOR, ADAPTED = "Qwen/Qwen2.5-VL-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct", "openai:runs/french/model"

pytestmark = pytest.mark.timeout(600)


class Client(Reader):
    """Goes through the page where the server runs already."""

    def type(self, words: list[str]) -> None:
        if words[0] != "transformers":
            super().type(words)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served_url: str) -> Path:
    """The page with the address and the names of the models here, in a folder with pictures; the working directory."""
    text = PAGE.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PASSERELLE_CACHE", own_cache(tmp_path / "cache"))
    names = {
        MODEL: str(build("llava", tmp_path / "vision-language")),
        TRANSLATOR: str(make_json_translator(tmp_path / "translator")),
        ADAPTED: f"openai:{tmp_path / 'runs' / 'french' / 'model'}",
        ADDRESS: served_url,
    }
    for name, here in names.items():
        assert name in text
        text = text.replace(name, here)
    (tmp_path / "images").mkdir()
    for seed, picture in enumerate(sorted(set(re.findall(r"\b\w+\.jpg", text)))):
        write_spots(tmp_path / "images" / picture, seed)
    found = tmp_path / "page.md"
    found.write_text(text, encoding="utf-8")
    return found


def test_the_whole_page(page: Path) -> None:
    assert "not run" not in page.read_text(encoding="utf-8")
    reader = Client()
    reader.follow(page)
    assert list(reader.said) == ["answer", "evaluate", "compare", "adapt"] and len(reader.said["evaluate"]) == 2
    figures = json.loads(Path("evaluation/results.json").read_text("utf-8"))["figures"]
    assert {figure["system"] for figure in figures} == {"base", "french"}
    results = json.loads(Path("runs/served/results.json").read_text("utf-8"))
    arms = {arm["name"]: arm for arm in results["arms"]}
    assert arms.keys() == {"english", "zero-shot", "prompted", "pipeline", "pipeline-qwen"}
    assert all(arm["status"] == "done" and arm["scores"] for arm in arms.values())
    assert "openai" in arms["pipeline-qwen"]["translated_by"][0] != arms["pipeline"]["translated_by"][0]
    assert Path("runs/served/report.html").is_file()
