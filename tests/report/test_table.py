"""The tables of the terminal."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from passerelle.report import table_text


@pytest.mark.parametrize("width", [160, 100, 80, 60])
def test_every_number_fits(results: dict[str, Any], width: int) -> None:
    results["arms"][1]["scores"][0]["unread_share"] = {"value": 6.25, "low": 4.1, "high": 9.0}
    text = table_text(results, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for part in (
        "59.7 [55.5, 64.0]",
        "s/answer",
        "0.021",
        "1 900",
        "two-stage-human",
        "56.0 (base 63.3)",
        "as base",
        "Answers that couldn't be read, %",
        "6.2 [4.1, 9.0]",
    ):
        assert part in text


def test_differences_are_marked_only_without_zero(results: dict[str, Any]) -> None:
    results["comparisons"][0] |= {"holm_p": 0.2}
    lines = table_text(results, 200).split("Paired differences")[1].splitlines()
    zero_shot = next(line for line in lines if line.strip().startswith("zero-shot"))
    pair = next(line for line in lines if line.strip().startswith("lora-human - lora-mt"))
    assert zero_shot.count("○") == 1
    assert zero_shot.count("●") == 4
    assert "+3.8 [-0.2, +7.4]" in pair
    assert "●" not in pair


def test_the_tests_are_side_by_side(results: dict[str, Any]) -> None:
    part = table_text(results).split("Human test beside machine test")[1]
    line = next(line for line in part.splitlines() if line.strip().startswith("pipeline"))
    assert line.split() == ["pipeline", "54.7", "[50.5,", "59.0]", "60.8", "[56.6,", "65.1]", "+6.1"]


def test_missing_parts_are_dashes(results: dict[str, Any]) -> None:
    results["arms"] = [
        {"name": "lora-mt", "status": "failed", "error": "the disk is full"},
        {"name": "odd[bold]"},
    ]
    del results["comparisons"]
    text = table_text(results)
    assert text.count("–") == 10
    assert "lora-mt failed: the disk is full" in text
    assert "odd[bold]" in text
    assert table_text({}) == "No arms have run yet.\n"


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, passerelle.report;"
        "print([m for m in ('matplotlib', 'PIL', 'jinja2', 'rich', 'yaml', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
