"""What a team decides by, from Python: the example of the docs runs as it stands there, and says what commands say."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import passerelle
from comparisons import own_cache, write_experiment, write_own
from families.tiny import build
from passerelle.cli import main
from passerelle.errors import ConfigError, InputError

PAGE = Path(__file__).resolve().parents[1] / "docs" / "howto" / "read-the-report.md"
TESTS = [{"benchmark": "pope=pope-{language}.jsonl", "answers": "generate", "max_new_tokens": 4}]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the example's names are when it has run, in a folder that is the working directory."""
    folder = write_own(tmp_path_factory.mktemp("own"))
    build("llava", folder / "model")
    arms = {"zero-shot": None, "prompted": None}
    write_experiment(folder, arms=arms, seeds=[1], tests=TESTS).rename(folder / "mine.yaml")
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PASSERELLE_CACHE", own_cache(folder / "cache"))
        exec(compile(code, str(PAGE), "exec"), names)
        yield names


def said(*arguments: str) -> Any:
    done = CliRunner().invoke(main, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_plan_has_what_everything_costs_and_what_the_tests_show(ran: dict[str, Any]) -> None:
    planned = ran["planned"]
    low, value, high = planned.euros
    assert 0 < low <= value <= high and list(planned.euros) == planned.record["whole"]["euros"]
    assert planned.seconds[1] > 0 and planned.record["difference"] == 3
    least, smallest, _ = planned.smallest["pope"]
    assert 0 < least <= smallest and planned.limits == {}
    assert [arm["name"] for arm in planned.record["arms"]] == ["zero-shot", "prompted"]


def test_advice_is_that_of_the_command(ran: dict[str, Any]) -> None:
    asked = ("advise", "runs/mine", "--volume", "10000/day", "--budget", "50", "--keep-english", "5")
    assert json.loads(json.dumps(dataclasses.asdict(ran["advice"]))) == said(*asked)
    assert passerelle.advise("runs/mine", volume=3_650_000, budget=50, keep_english=5) == ran["advice"]
    dear = passerelle.advise(Path("runs/mine"), latency=1e-9)
    assert dear.chosen is None and dear.left_out is not None and dear.left_out.keys() >= {"Prompted"}
    with pytest.raises(ConfigError, match="is no volume"):
        passerelle.advise("runs/mine", volume="many")


def test_a_comparison_is_run_again_and_nothing_differs(ran: dict[str, Any]) -> None:
    again = ran["again"]
    assert again.same and again.report == Path("runs/mine-again/report.html") and again.report.is_file()
    assert json.loads(Path("runs/mine-again/reproduction.json").read_text(encoding="utf-8")) == again.record
    assert any("same" in sentence for sentence in again.sentences)
    with pytest.raises(InputError, match="choose another --out"):
        passerelle.reproduce("runs/mine", "runs/mine")


def test_runs_are_put_together(ran: dict[str, Any]) -> None:
    both = ran["both"]
    assert [run.label for run in both.runs] == ["before", "again"]
    gaps = [each.difference.value for each in both.between if each.difference]
    assert gaps and set(gaps) == {0.0}
    page = Path("both.html").read_text(encoding="utf-8")
    assert "before" in page and "again" in page
    several = passerelle.report_on(["runs/mine", "runs/mine-again"], out="both.json")
    assert json.loads(Path("both.json").read_text(encoding="utf-8")) == said("report", "runs/mine", "runs/mine-again")
    assert len(several.runs) == 2


def test_one_run_is_its_own_report(ran: dict[str, Any]) -> None:
    (run,) = passerelle.report_on("runs/mine", out="own.html").runs
    assert run.kind == "comparison" and 'id="key"' in Path("own.html").read_text(encoding="utf-8")
    before = Path("runs/mine/results.json").read_bytes()
    with pytest.raises(ConfigError, match="holds the results"):
        passerelle.report_on("runs/mine", out="runs/mine/results.json")
    assert Path("runs/mine/results.json").read_bytes() == before
