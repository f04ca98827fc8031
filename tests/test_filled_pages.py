"""The tables of the pages are filled in from results, between their markers."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def filler() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fill_results", ROOT / "docs" / "fill_results.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tiny_results() -> dict[str, Any]:
    def score(metric: str, test: str, value: float) -> dict[str, Any]:
        return {"metric": metric, "test": test, "value": value, "low": value - 5, "high": value + 5}

    def arm(name: str, trained_on: str | None, *scores: dict[str, Any]) -> dict[str, Any]:
        cost = {"total_seconds": 90.0}
        return {"name": name, "trained_on": trained_on, "status": "done", "scores": list(scores), "cost": cost}

    def difference(metric: str, test: str, value: float) -> dict[str, Any]:
        names = {"arm": "lora-mt", "against": "pipeline", "metric": metric, "test": test}
        return {**names, "difference": value, "low": value - 3, "high": value + 3, "p": 0.001, "holm_p": 0.018}

    return {
        "schema": 2,
        "name": "demo",
        "created": "2026-01-02T03:04:05+00:00",
        "target_name": "French",
        "main_test": "human",
        "key_metrics": ["choice", "choice: random", "yes-no auc"],
        "headline_metrics": ["choice", "yes-no"],
        "seeds": [1],
        "config": {"train": {"max_tokens": 45000}},
        "data": {
            "pictures": {"test": 10},
            "questions": 50,
            "training_text": {
                "machine": {"rows": 9, "rejected": 1, "by": "apertium", "chrf": 43.21, "against": "human"},
                "gate": {"rows": 5, "rejected": 0, "by": "gate, the best 60%"},
                "repair": {"rows": 9, "rejected": 1, "by": "repair", "chrf": 50.0}
                | {"questions_chrf": 60.5, "questions": 7},
            },
        },
        "hardware": {"cores": 2, "cpu": "some CPU"},
        "arms": [
            arm("english", None, score("choice", "english", 61.0), score("choice: random", "english", 70.0)),
            arm(
                "lora-mt",
                "machine",
                score("choice: random", "human", 44.0),
                score("choice: random", "machine", 46.0),
                score("choice", "english", 52.0),
            ),
            arm("pipeline", None, score("choice: random", "human", 60.0)),
        ],
        "comparisons": [difference("choice", "human", -12.0), difference("choice", "english", 1.0)],
        "gains": [
            {
                "arm": "lora-human", "against": "lora-mt", "metric": "choice", "test": "human",
                "points": 2.0, "low": 1.0, "high": 3.0, "more_euros": 4.0, "more_expert_minutes": 0.0,
                "per_expert_minute": None,
                "per_euro": {"value": 0.5, "low": 0.25, "high": 0.75},
            }
        ],
    }  # fmt: skip


def test_what_an_arm_takes_to_make_and_to_ask_have_columns_of_their_own(filler: ModuleType) -> None:
    results = tiny_results() | {"schema": 3}
    for arm in results["arms"]:
        arm["cost"] = {"make": {"processor_seconds": 90.0}, "per_1000": {"processor_seconds": 30.0}}
    results["arms"][1]["cost"]["make"] = None
    rows = filler.fill("<!-- results:begin --><!-- results:end -->", results).splitlines()
    (heading,) = (row for row in rows if row.startswith("| arm"))
    assert heading.endswith("| core minutes to make | core minutes for 1,000 answers |")
    assert [row.split(" | ")[-2:] for row in rows if row.startswith("| `")][:2] == [["1.5", "0.5 |"], ["–", "0.5 |"]]


def test_english_has_no_column_where_nobody_asked_for_it(filler: ModuleType) -> None:
    results = tiny_results()
    for arm in results["arms"]:
        arm["scores"] = [score for score in arm["scores"] if score["test"] != "english"]
    (heading,) = (row for row in filler.results_table(results).splitlines() if row.startswith("| arm"))
    assert heading == "| arm | Choice | Choice: random | Yes-no AUC | minutes |"


def test_results_are_filled_in_between_the_markers(filler: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(tiny_results()), encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- results:begin -->\nold\n<!-- results:end -->\nafter\n", encoding="utf-8")
    assert filler.main([str(tmp_path), str(page)]) == 0
    first = page.read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in first.splitlines() if line.startswith("| `")]
    assert "| arm | Choice | Choice: random | Yes-no AUC | English kept | minutes |" in first
    assert rows[0] == ["`english`", "61.0 [56.0, 66.0]", "70.0 [65.0, 75.0]", "–", "61.0 [56.0, 66.0]", "1.5"]
    assert rows[1] == ["`lora-mt`", "–", "44.0 [39.0, 49.0]", "–", "52.0 [47.0, 57.0]", "1.5"]
    # An arm that trains nothing is the base, and keeps its English.
    assert rows[2][-2:] == ["61.0 [56.0, 66.0]", "1.5"]
    assert "about 45\u202f000 training tokens" in first
    assert first.startswith("before\n") and first.endswith("after\n") and "old" not in first
    filler.main([str(tmp_path), str(page)])
    assert page.read_text(encoding="utf-8") == first


def test_unread_answers_stand_in_the_tables(filler: ModuleType) -> None:
    results = tiny_results()
    results["warnings"] = ["pope (fr): more than 5% of the answers couldn't be read: pipeline 9.0% [4.0, 17.0]."]
    results["arms"][2]["scores"][0]["unread_share"] = {"value": 9.0, "low": 4.0, "high": 17.0}
    table = filler.results_table(results)
    assert table.startswith(results["warnings"][0] + "\n\n|")
    assert "| 60.0 [55.0, 65.0]; 9.0% unread [4.0, 17.0] |" in table and table.count("unread") == 1


def test_other_tables_are_filled_in_too(filler: ModuleType) -> None:
    page = "".join(f"<!-- {name}:begin -->\n<!-- {name}:end -->\n" for name in filler.TABLES)
    filled = filler.fill(page, tiny_results())
    assert "| `lora-mt` | 44.0 [39.0, 49.0] | 46.0 [41.0, 51.0] |" in filled
    assert "| arm | Choice, English |\n" in filled
    assert filled.count("| `lora-mt` − `pipeline` | −12.0 [−15.0, −9.0] | 0.018 |") == 1
    assert "| `lora-mt` − `pipeline` | Choice, english | +1.0 [−2.0, +4.0] | 0.018 |" in filled
    assert "| Choice | +2.0 [+1.0, +3.0] | +4.000 | 0.0 | +0.5 [+0.2, +0.8] | – |" in filled
    assert "| machine | 9 | 1 | apertium | 43.2 |" in filled
    assert "| gate | 5 | 0 | gate, the best 60% | – | – | – |" in filled
    assert "| repair | 9 | 1 | repair | 50.0 | 60.5 | 7 |" in filled


def test_all_that_is_known_of_captions_stands_in_one_table_with_single_seeds(filler: ModuleType) -> None:
    results = tiny_results()
    assert filler.captions_table(results).count("\n") == 1, "nothing but headings: nobody asked for captions"
    lora = results["arms"][1]
    named = {"test": "human", "low": 1.0, "high": 9.0}
    for metric, value in (("caption", 4.0), ("caption yes-or-no", 3.0)):
        lora["scores"].append({"metric": metric, "value": value, **named})
    lora["seed_scores"] = [{"metric": "caption", "test": "human", "value": value} for value in (3.5, 4.5)]
    lora["seed_scores"].append({"metric": "caption", "test": "machine", "value": 99.0})
    assert filler.captions_table(results).splitlines() == [
        "| arm | Caption | Caption yes-or-no |",
        "| --- | --- | --- |",
        "| `lora-mt` | 4.0 [1.0, 9.0] (3.5; 4.5) | 3.0 [1.0, 9.0] |",
    ]


def test_curves_alone_are_filled_in_where_they_are_named(filler: ModuleType) -> None:
    results, page = tiny_results(), "<!-- results:begin -->\n<!-- curves:begin --><!-- curves:end -->"
    assert filler.TABLES.keys() >= {"curves"}
    with pytest.raises(ValueError, match="no markers"):
        filler.fill("<!-- curves:begin --><!-- curves:end -->", results)
    make = {"processor_seconds": 90.0, "euros": 0.0125}
    for arm in results["arms"]:
        arm["cost"] = {"make": make}
    score = {"metric": "choice", "test": "human", "value": 40.0, "low": 35.0, "high": 45.0}
    point = {"samples": 40, "status": "done", "scores": [score], "seed_scores": [score, score], "make": make}
    step = {"metric": "choice", "test": "human", "to": 160, "difference": 2.0, "low": -1.0, "high": 5.0}
    crossing = {"metric": "choice", "test": "human", "against": "pipeline", "share": 0.12, "value": None, "low": 90.4}
    crossing |= {"where": {"value": "beyond", "low": "within", "high": "beyond"}, "last": {**step, "difference": -3.0}}
    points = [point | {"budget": 40}, point | {"budget": 160, "samples": 160}, {"budget": 640, "status": "failed"}]
    points[2]["samples"] = None
    results["curves"] = [{"arm": "lora-mt", "points": points, "steps": [step], "crossings": [crossing]}]
    filled = filler.fill(page, results, ["curves"])
    assert "| `lora-mt` | 160 | 40.0 [35.0, 45.0] | 40.0; 40.0 | +2.0 [−1.0, +5.0] | 1.5 | 0.0125 |" in filled
    assert "| `lora-mt` | 640 (failed) | – | – | – | – | – |" in filled
    assert (
        "- `lora-mt` against `pipeline`: doesn't come level within what was measured, up to 160 examples; in 12 of 100 "
        "resamples it does; at the last size it is −3.0 [−1.0, +5.0] points from it."
    ) in filled
    crossing |= {"value": 100.2, "where": {"value": "within", "low": "before", "high": "beyond"}}
    assert "level at 100 examples [before the first size, beyond the last]" in filler.fill(page, results, ["curves"])


def test_results_of_an_older_version_are_refused(filler: ModuleType) -> None:
    with pytest.raises(ValueError, match="schema 1"):
        filler.fill("<!-- results:begin --><!-- results:end -->", {**tiny_results(), "schema": 1})


def test_a_page_without_markers_is_refused(filler: ModuleType) -> None:
    with pytest.raises(ValueError, match="no markers"):
        filler.fill("nothing here", tiny_results())


def test_pages_have_their_markers(filler: ModuleType) -> None:
    wanted = {
        "README.md": {"results"},
        "docs/reference/results.md": {"results", "tests", "differences", "curves"},
        "docs/reference/methods-compared.md": {"results", "english", "all-differences"},
        "docs/reference/repaired-data.md": {"results", "captions", "all-differences", "gains", "training-text"},
    }
    for page, names in wanted.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        begun, ended = (set(re.findall(rf"<!-- ([\w-]+):{edge} -->", text)) for edge in ("begin", "end"))
        assert begun == ended == names <= filler.TABLES.keys(), page
