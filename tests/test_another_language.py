"""The page on another language runs as it stands, from a language of which nothing is read to a comparison in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmark_files import write_spots
from comparisons import own_cache
from families.tiny import build
from passerelle.evaluation.parsing.localised import is_read
from test_docs import ROOT
from test_own_model_tutorial import Reader

PAGE = ROOT / "docs" / "howto" / "another-language.md"


@pytest.mark.timeout(300)
def test_a_language_is_added_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_read("eo"), "the page needs a language that isn't read"
    build("llava", tmp_path / "model")
    (tmp_path / "images").mkdir()
    for seed, name in enumerate(sorted(set(re.findall(r'"image": "([^"]+)"', PAGE.read_text(encoding="utf-8"))))):
        write_spots(tmp_path / "images" / name, seed)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PASSERELLE_CACHE", own_cache(tmp_path / "cache"))
    reader = Reader()

    reader.follow(PAGE)

    assert reader.said.keys() == {"languages", "evaluate", "compare"}
    printed = " ".join(" ".join(sum(reader.said.values(), [])).split())
    assert len(reader.shown) > 3 and [line for line in reader.shown if line not in printed] == []
    assert "all 9 of 9 read right" in printed and "misread" not in printed
    figures = json.loads(Path("evaluation/results.json").read_text("utf-8"))["figures"]
    assert {each["language"] for each in figures} == {"eo"}
    assert "localised-eo-" in json.dumps(figures) and "-letters" not in json.dumps(figures)
    arms = {arm["name"]: arm for arm in json.loads(Path("runs/esperanto/results.json").read_text("utf-8"))["arms"]}
    assert all(arm["status"] == "done" and arm["scores"] for arm in arms.values()) and "prompted" in arms
