"""Answers that others wrote and labelled, the halves that may be looked at: read right, never worse than plainly."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from passerelle.evaluation.parsing.localised import is_read, option_of, yes_or_no
from passerelle.languages.knowledge import known, languages_with

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "reading" / "score.py"
FEWEST_RIGHT = 0.85
"""Below this share of the half that may be looked at, something broke."""


def script() -> Any:
    spec = importlib.util.spec_from_file_location("reading_score", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCORE = script()
LANGUAGES = [f.stem for f in sorted((SCRIPT.parent / "tuning").glob("*.jsonl")) if is_read(f.stem)]


@pytest.mark.parametrize("half", SCORE.SEEN)
@pytest.mark.parametrize("language", LANGUAGES)
def test_answers_that_others_wrote_are_read(language: str, half: str) -> None:
    found = SCORE.measure(half, language)
    share = found["ours"]["all"]
    assert share["right"] >= FEWEST_RIGHT * share["of"], SCORE.table([found])
    assert found["refusals_taken_for_answers"] <= 1


def test_what_the_published_rules_read_right_in_english_is_read_right() -> None:
    rows = [row for half in SCORE.SEEN for row in SCORE.read_rows(half, "en")]
    worse = [r for r in rows if SCORE.theirs(r, "en") == r["meaning"] != SCORE.ours(r, "en")]
    assert worse == []


@pytest.mark.parametrize("language", languages_with("reading"))
def test_a_bare_answer_is_read_in_any_decoration(language: str) -> None:
    reading = known(language).reading
    assert reading is not None
    plain = ("{}", "{}.", "**{}**", "«{}»", '"{}"', "({})", "<answer>{}</answer>", "<think>x</think>\n{}", "- {}")
    for form in (*plain, "{}!", "`{}`", "“{}”", "[{}]", "{} 👍", "**{}.**", "> {}", "\\boxed{{{}}}", "# {}"):
        assert yes_or_no(form.format(reading.yes[0].capitalize()), language) == "yes", (language, form)
        assert yes_or_no(form.format(reading.no[0].upper()), language) == "no", (language, form)
        assert option_of(form.format("B"), ["x", "y", "z"], language) == 1, (language, form)


def test_the_interval_is_wilsons() -> None:
    """9 of 10: 59.6% to 98.2% (Newcombe 1998)."""
    assert SCORE.wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)


def test_nothing_is_held_out_until_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(SCORE, "FOLDER", tmp_path)
    monkeypatch.setattr("sys.argv", ["score.py", "held_out"])
    SCORE.main()
    assert capsys.readouterr().out.startswith("| language |")
    monkeypatch.setattr("sys.argv", ["score.py", "held_out", "fr"])
    with pytest.raises(SystemExit):
        SCORE.main()
    assert "nothing yet" in capsys.readouterr().err
