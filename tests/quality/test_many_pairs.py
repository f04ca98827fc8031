"""A large data set: audit and gate find in it what they find in one that is held in memory, and take little memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from passerelle.errors import InputError
from passerelle.evaluation.statistics import significance
from passerelle.quality import assessing, gate, in_step
from passerelle.quality.assessing import Assessment, FakeAssess
from passerelle.quality.audit import audit
from passerelle.quality.base import Finding, Pair
from passerelle.quality.gate import GateSettings
from passerelle.quality.in_step import PairsInStep, RowsInStep
from passerelle.quality.pairs import Paired, PairOptions, read_pairs

WORDS = "a dog a cat the small house of my friends stands behind that old green tree and nobody knows why".split()


class Full(FakeAssess):
    """Says as much of each pair as five checks do, and remembers nothing."""

    def estimate(self, pairs: Sequence[Pair]) -> list[Assessment]:
        return [self._full(pair) for pair in pairs]

    def _full(self, pair: Pair) -> Assessment:
        base = self._one(pair)
        values = {"mean": len(pair.source) / 7, "worst": 0.1}
        findings = {f"check {n}": Finding(0.5, f"{n}: {pair.target[:20]}", None, dict(values)) for n in range(5)}
        return Assessment(base.probability, findings, base.error, {name: 0.1 for name in findings})


def write(folder: Path, count: int) -> tuple[Path, Path]:
    """Rows of captions, of which every fifth has an unknown word and every tenth is the same."""
    folder.mkdir()
    paths = folder / "en.jsonl", folder / "fr.jsonl"
    for path, mark in zip(paths, ("", "le "), strict=True):
        with path.open("w") as file:
            for n in range(count):
                words = [WORDS[(n * 7 + k * k) % len(WORDS)] for k in range(12)]
                text = "describe it" if n % 10 == 3 else f"{' '.join(words)} {n}"
                star = "*" if mark and n % 5 == 0 else ""
                row = {"id": f"row-{n}", "text": f"{mark}{star}{text}", "category": f"c{n % 3}"}
                file.write(json.dumps(row) + "\n")
    return paths


def read(folder: Path, count: int) -> Paired:
    return read_pairs(*write(folder, count), PairOptions(fields=("text",)))


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few pairs and rows at once, and few resamples: what these take doesn't hide what pairs do."""
    monkeypatch.setattr(significance, "_BLOCK_CELLS", 50_000)
    monkeypatch.setattr(assessing, "AT_ONCE", 500)
    monkeypatch.setattr(in_step, "IN_MEMORY", 500)


def test_rows_that_are_read_again_are_those_that_were_read(tmp_path: Path, small_blocks: None) -> None:
    paths = write(tmp_path / "a", 1200)
    again = read_pairs(*paths, PairOptions(fields=("text",)))
    in_step.IN_MEMORY = 5000
    held = read_pairs(*paths, PairOptions(fields=("text",)))
    assert isinstance(again.rows, RowsInStep) and isinstance(held.rows, tuple)
    assert tuple(again.rows) == tuple(again.rows) == held.rows and len(again.rows) == 1200
    assert isinstance(again.pairs, PairsInStep) and list(again.pairs) == held.pairs and len(again.pairs) == 1200
    assert again.languages == ("en", "fr") and held.rows[7] in again.rows and "x" not in again.rows
    paths[1].write_text("".join(paths[1].read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match="changed while it was read"):
        list(again.rows)


def test_rows_out_of_step_are_brought_together_by_their_ids(tmp_path: Path, small_blocks: None) -> None:
    source, translated = write(tmp_path / "a", 900)
    lines = translated.read_text().splitlines(keepends=True)
    translated.write_text("".join(lines[:700] + lines[702:]))
    paired = read_pairs(source, translated, PairOptions(fields=("text",)))
    assert isinstance(paired.rows, tuple) and len(paired.rows) == 898
    assert [row.id for row in paired.unpaired] == ["row-700", "row-701"]


def test_many_pairs_are_audited_as_few_are(tmp_path: Path, small_blocks: None) -> None:
    paired = read(tmp_path / "a", 1600)
    found = audit(paired.pairs, Full())
    assessing.AT_ONCE = 8000
    assert found == audit(list(paired.pairs), Full())
    assert found.worst[0].count == 160 and found.lost.pairs == 1600 and found.lost.clusters == 1600
    assert found.lost.value == pytest.approx(0.8 * 0.2 + 0.1 * 0.8)


@pytest.mark.parametrize("settings", [GateSettings(), GateSettings(keep_share=0.4)])
def test_many_rows_are_sorted_as_few_are(tmp_path: Path, small_blocks: None, settings: GateSettings) -> None:
    paired = read(tmp_path / "a", 1600)
    in_step.IN_MEMORY = assessing.AT_ONCE = 8000
    held = read_pairs(tmp_path / "a" / "en.jsonl", tmp_path / "a" / "fr.jsonl", PairOptions(fields=("text",)))
    written = []
    for name, one in (("again", paired), ("held", held)):
        gate.gate(one, Full(), settings, tmp_path / name / "kept.jsonl")
        written.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert written[0] == written[1] and len(written[0]) == 3
    assert written[0]["kept.jsonl"] and written[0]["dropped.jsonl"]


def peak(work: Callable[[], object]) -> int:
    """Return the most memory that Python's objects took at once while a function ran, in bytes."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("command", ["audit", "gate"])
def test_memory_hardly_grows_with_the_pairs(tmp_path: Path, small_blocks: None, command: str) -> None:
    def work(count: int) -> Callable[[], object]:
        source, translated = write(tmp_path / f"{count}", count)

        def run() -> object:
            paired = read_pairs(source, translated, PairOptions(fields=("text",)))
            if command == "audit":
                return audit(paired.pairs, Full())
            return gate.gate(paired, Full(), GateSettings(), tmp_path / f"{count}" / "kept.jsonl")

        return run

    work(600)()  # what is loaded once
    few, many = peak(work(1_500)), peak(work(6_500))
    # In memory a row with its pair would take some 700 bytes, what five checks say of it 3,000.
    assert (many - few) / 5_000 < 400, f"{few:,} bytes for 1,500 pairs, {many:,} for 6,500"
