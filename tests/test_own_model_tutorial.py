"""The tutorial on one's own model runs as it stands on its page, from the first block to the last, on a tiny model."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmark_files import write_spots
from comparisons import own_cache
from families.tiny import build
from passerelle.cli import main
from review_server import HttpExpert, Server
from test_docs import ROOT, blocks_of, commands

PAGE = ROOT / "docs" / "tutorial" / "own-model.md"
BETTER = {
    "A white cup stands on the kitchen table.": "Une tasse blanche est posée sur la table de la cuisine.",
    "There are 3 boats in the harbour.": "Il y a 3 bateaux dans le port.",
}
"""What the expert writes in place of two translations."""
SOURCE = re.compile(r'<span class="text" lang="en">([^<]*)</span>')

pytestmark = pytest.mark.timeout(600)


@dataclass
class Reader:
    """Somebody who goes through the page: writes its files, types its commands, and judges as its expert.

    Attributes:
        said: What each command printed, by its first words.
        judged: How many items of each task the experts finished.
        shown: Lines of output that the page shows, up to their first figure or quotation.
    """

    said: dict[str, list[str]] = field(default_factory=dict)
    judged: dict[str, int] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)

    def follow(self, page: Path) -> None:
        """Do what the blocks of the page say, in their order."""
        for block in blocks_of(page):
            what, _, name = block.comment.partition(": ")
            if what == "file":
                Path(name).parent.mkdir(exist_ok=True)
                Path(name).write_text(block.code + "\n", encoding="utf-8")
            elif block.language == "bash" and what != "not run":
                for words in commands(block):
                    self.type(words)
            elif not block.language and self.said:
                begun = (" ".join(re.split(r"[\d'…]", line)[0].split()) for line in block.code.splitlines())
                self.shown += filter(None, begun)

    def type(self, words: list[str]) -> None:
        """Run a command in this process; the server of the review in one of its own."""
        program, *arguments = words
        if program == "python":
            runpy.run_path(arguments[0], run_name="__main__")
            return
        assert program == "passerelle", words
        if arguments == ["review", "serve"]:
            self.review()
            return
        done = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert done.exit_code == 0, f"{words}\n{done.output}"
        self.said.setdefault(" ".join(arguments[: 1 + (arguments[0] == "review")]), []).append(done.output)

    def review(self) -> None:
        """Judge everything by the links that were printed, as the page would send it."""
        (created,) = self.said["review create"]
        server = Server("review.sqlite")
        server.start()
        try:
            for token in re.findall(r"^(?:Marie|Paul) .*/enter/(\S+)$", created, re.MULTILINE):
                expert = HttpExpert(server.url, token)
                while (item := expert.current()) is not None:
                    assert expert.save(item["key"], judgment(item), item["version"]).status_code == 200
                    self.judged[item["task"]] = self.judged.get(item["task"], 0) + 1
                expert.close()
        finally:
            server.stop()


def judgment(item: dict[str, Any]) -> dict[str, Any]:
    """Say what an expert says of an item."""
    if item["task"] == "judge":
        return {"verdict": "left", "reasons": ["natural"]}
    source = SOURCE.search(item["page"])
    better = BETTER.get(source[1], "") if source else ""
    return {"score": 30, "correction": better} if better else {"score": 90}


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """A reader in a folder with a model and pictures of the names that the page has."""
    build("llava", tmp_path / "model")
    (tmp_path / "images").mkdir()
    names = set(re.findall(r'"image": "([^"]+)"', PAGE.read_text(encoding="utf-8")))
    for seed, name in enumerate(sorted(names)):
        write_spots(tmp_path / "images" / name, seed)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PASSERELLE_CACHE", own_cache(tmp_path / "cache"))
    yield Reader()


def test_the_whole_journey(reader: Reader) -> None:
    reader.follow(PAGE)
    said = reader.said

    # Every step is there, and did its work.
    steps = ["translate", "audit", "repair", "adapt", "evaluate", "compare"]
    assert list(said) == [*steps, "review create", "review status", "review apply"]
    assert "6 written, 0 rejected" in said["translate"][1]
    assert "of 12 pairs" in said["audit"][0]
    assert re.search(r"^changed +\d+", said["repair"][0], re.MULTILINE)
    assert Path("runs/lora/adapter/adapter_config.json").is_file()
    assert Path("plain-peft/adapter_config.json").is_file()
    figures = json.loads(Path("evaluation/results.json").read_text("utf-8"))["figures"]
    assert {figure["system"] for figure in figures} == {"base", "lora", "plain-peft"}
    assert reader.judged.keys() == {"judge", "translation"}
    assert "Marie" in said["review status"][0] and "plain-peft" in said["review status"][0]

    # What the page shows is what is printed, but for figures and translations.
    printed = " ".join(" ".join(sum(said.values(), [])).split())
    assert len(reader.shown) > 9 and [line for line in reader.shown if line not in printed] == []

    # The comparison asked the adapter that a script of the reader's made, and doesn't pretend to know its cost.
    results = json.loads(Path("runs/mine/results.json").read_text("utf-8"))
    arms = {arm["name"]: arm for arm in results["arms"]}
    assert arms.keys() == {"english", "zero-shot", "pipeline", "lora", "two-stage", "plain-peft"}
    assert all(arm["status"] == "done" and arm["scores"] for arm in arms.values())
    chrf = {
        name: [s["value"] for s in arms[name]["scores"] if (s["metric"], s["test"]) == ("captions chrf", "human")]
        for name in ("zero-shot", "plain-peft")
    }
    assert len(chrf["plain-peft"]) == 1 and chrf["plain-peft"] != chrf["zero-shot"], "the adapter acts"
    assert arms["plain-peft"]["cost"]["make"] is None
    assert any(note.startswith("plain-peft: adapted elsewhere") for note in results["notes"])

    # What the expert wrote is in the data, and the arms that learn from them learnt it anew.
    listed, applied = said["review apply"]
    assert all(text in listed for text in BETTER.values())
    assert "out of date in runs/mine: lora, two-stage" in applied
    rows = json.loads(Path("applied/fr.repaired.json").read_text("utf-8"))
    assert set(BETTER.values()) < {row["conversations"][1]["value"] for row in rows}
    assert results["review"]["corrections"] == len(BETTER)
    assert {change["arm"] for change in results["review"]["changes"]} == {"lora", "two-stage"}
    assert "Review: 2 corrections in " in said["compare"][1]
    assert Path("runs/mine/report.html").is_file()
