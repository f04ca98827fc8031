"""The gate keeps, sends to repair and drops by a row's worst text, and loses nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from passerelle.cli import main
from passerelle.errors import ConfigError, InputError
from passerelle.quality.assessing import Assessment, FakeAssess
from passerelle.quality.estimate import calibrated
from passerelle.quality.estimate.fitness import Fitness, Seen, Watched
from passerelle.quality.gate import GateSettings, decide, gate, judge, kept_rows, load_gate
from passerelle.quality.pairs import Paired, PairOptions, read_pairs


def conversations(path: Path, *rows: tuple[str, str]) -> Path:
    content = [
        {"id": f"r{n}", "conversations": [{"from": "human", "value": a}, {"from": "gpt", "value": b}]}
        for n, (a, b) in enumerate(rows)
    ]
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


ASSESS = FakeAssess({"good": 0.9, "fair": 0.5, "bad": 0.1})


@pytest.fixture
def paired(tmp_path: Path) -> Paired:
    ours = conversations(tmp_path / "a.json", ("x", "y"), ("x", "y"), ("x", "y"), ("x", "y"))
    rows = ("good", "good"), ("good", "bad"), ("fair", "good"), ("fair", "fair")
    return read_pairs(ours, conversations(tmp_path / "b.json", *rows), PairOptions())


def verdicts(paired: Paired, **settings: float) -> list[str]:
    thresholds = GateSettings(**settings)
    judged = list(judge(Watched(ASSESS), paired.rows))
    kept = kept_rows(np.array([found.probability for found in judged]), thresholds)
    return [decision.verdict for decision in decide(paired.rows, judged, kept, thresholds)]


def test_a_row_is_as_good_as_its_worst_text(paired: Paired) -> None:
    assert verdicts(paired) == ["keep", "drop", "repair", "repair"]
    assert verdicts(paired, keep_above=0.5, drop_below=0.05) == ["keep", "repair", "keep", "keep"]


def test_a_share_is_kept_and_ties_go_by_order(paired: Paired) -> None:
    assert verdicts(paired, keep_share=0.5) == ["keep", "drop", "keep", "repair"]


def test_nothing_is_lost(paired: Paired, tmp_path: Path) -> None:
    counts = gate(paired, ASSESS, GateSettings(), tmp_path / "kept.json")
    assert (counts["rows"], counts["keep"], counts["repair"], counts["drop"]) == (4, 1, 2, 1)
    assert [row["id"] for row in json.loads((tmp_path / "kept.json").read_text())] == ["r0"]
    dropped = [json.loads(line) for line in (tmp_path / "dropped.jsonl").read_text().splitlines()]
    assert [row["id"] for row in dropped] == ["r1"]
    assert dropped[0]["reason"] == "conversations.1.value: 0.10 < 0.3"
    assert len((tmp_path / "repair.jsonl").read_text().splitlines()) == 2


def test_whether_the_estimate_fits_these_data_is_said(paired: Paired, tmp_path: Path) -> None:
    class Knowing(FakeAssess):
        def seen(self, assessed: Sequence[Assessment]) -> Seen:
            return Seen(None, frozenset(), 0.0, len(assessed))

        def fitness(self, seen: Seen) -> Fitness:
            return Fitness(f"These {seen.pairs} pairs are like nothing.", True, 0.1)

    counts = gate(paired, Knowing(), GateSettings(keep_share=0.5), tmp_path / "kept.json")
    assert counts["fitness"] == "These 8 pairs are like nothing."
    assert gate(paired, ASSESS, GateSettings(), tmp_path / "kept.json")["fitness"] == ""


def test_a_row_without_text_keeps_its_place(tmp_path: Path) -> None:
    ours = conversations(tmp_path / "a.json", ("x", "y"), ("", ""), ("x", "y"), ("x", "y"))
    theirs = conversations(tmp_path / "b.json", ("good", "good"), ("", ""), ("bad", "good"), ("good", "good"))
    counts = gate(read_pairs(ours, theirs, PairOptions()), ASSESS, GateSettings(), tmp_path / "kept.json")
    assert (counts["rows"], counts["without_text"]) == (3, 1)
    assert [row["id"] for row in json.loads((tmp_path / "kept.json").read_text())] == ["r0", "r1", "r3"]


def test_the_input_is_never_replaced(paired: Paired) -> None:
    with pytest.raises(InputError, match="another --out"):
        gate(paired, ASSESS, GateSettings(), paired.path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keep_abov: 0.5", "Did you mean 'keep_above'"),
        ("keep_above: 2", "less than or equal to 1"),
        ("drop_below: 0.9", "can't be above keep_above"),
        ("- 1", "mapping"),
        ("a: [", "not valid YAML"),
    ],
)
def test_wrong_thresholds_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "gate.yaml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_gate(tmp_path / "gate.yaml", {})


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "gate.yaml").write_text("keep_above: 0.6\ndrop_below: 0.2\n")
    assert load_gate(tmp_path / "gate.yaml", {"keep_above": 0.8}) == GateSettings(keep_above=0.8, drop_below=0.2)


@pytest.mark.parametrize(
    ("option", "code"), [(["--keep-above", "0.95"], 2), (["--keep-share", "0.01"], 2), (["--keep-above", "0.9"], 0)]
)
def test_keeping_no_row_is_told(
    paired: Paired, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: list[str], code: int
) -> None:
    monkeypatch.setattr(calibrated, "open_assess", lambda *given, **more: ASSESS)
    files = [str(tmp_path / "a.json"), str(paired.path), "--to", "fr", "--out", str(tmp_path / "kept.json"), "--json"]
    done = CliRunner().invoke(main, ["gate", *files, *option])
    assert done.exit_code == code, done.output
    assert json.loads(done.stdout)["best"] == 0.9
    assert ("none of 4 rows is kept; the best has 0.90. Lower --keep-above" in done.stderr) is (code == 2)
    assert (tmp_path / "kept.json").is_file() and (tmp_path / "repair.jsonl").is_file()
