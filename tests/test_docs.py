"""The documentation holds: commands parse, examples compile, links lead somewhere, settings are listed as they are."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner
from pydantic import BaseModel

from passerelle.cli import main
from passerelle.comparison.settings import StudySettings, is_study, load_study
from passerelle.config import Experiment, load_experiment, parse_settings

ROOT = Path(__file__).resolve().parents[1]
MODEL_CARD = ROOT / "src" / "passerelle" / "data" / "base" / "MODEL_CARD.md"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    MODEL_CARD,
    *sorted((ROOT / "docs").rglob("*.md")),
]
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.yaml"))
# Commands that only look, and so are run: exit codes that they may give.
CHEAP = {("--version",): {0}, ("--help",): {0}, ("doctor",): {0, 1}}


@dataclass(frozen=True)
class Block:
    """A fenced block of code: where it stands, the comment right above it, its language and its lines."""

    page: Path
    line: int
    comment: str
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    lines = page.read_text(encoding="utf-8").splitlines()
    start, language = None, ""
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            start, language = number, line.removeprefix("```").strip()
            continue
        above = next((text for text in reversed(lines[:start]) if text.strip()), "")
        comment = above.removeprefix("<!--").removesuffix("-->").strip() if above.startswith("<!--") else ""
        yield Block(page, start + 1, comment, language, "\n".join(lines[start + 1 : number]))
        start = None
    assert start is None, f"{page}: a code block isn't closed"


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def commands(block: Block) -> list[list[str]]:
    """Return the words of each command of a block, without comments."""
    split = (shlex.split(line, comments=True) for line in block.code.replace("\\\n", " ").splitlines())
    return [words for words in split if words]


SHELL = [block for block in BLOCKS if block.language in ("bash", "sh", "console")]
PASSERELLE = [
    pytest.param(words[1:], block, id=f"{block} {' '.join(words[1:3])}")
    for block in SHELL
    for words in commands(block)
    if words[0] == "passerelle"
]
PYTHON = [pytest.param(block, id=str(block)) for block in BLOCKS if block.language == "python"]


def parse(arguments: list[str]) -> click.Context:
    """Parse a command line down to its last command, running nothing.

    Raises:
        click.ClickException: The command line isn't accepted.
    """
    command: click.Command = main
    context = None
    while isinstance(command, click.Group):
        context = click.Context(command, parent=context, info_name=command.name)
        _, found, arguments = command.resolve_command(context, arguments)
        assert found is not None
        command = found
    return command.make_context(command.name, arguments, parent=context)


def test_there_is_something_to_test() -> None:
    assert len(PASSERELLE) > 15
    assert len(PYTHON) >= 3
    assert len(EXPERIMENTS) >= 2


def load_any(path: Path, named: dict[str, Any]) -> Experiment | StudySettings:
    """Load either kind of file that `passerelle compare` takes, with the options of a command."""
    if path.name == "mine.yaml":  # stands for the reader's file; the page shows one
        return parse_settings(StudySettings, yaml.safe_load(MINE), "mine.yaml")
    if is_study(path):
        return load_study(path, {}, named.get("arms"))
    return load_experiment(path, named)


OWN_MODEL = ROOT / "docs" / "howto" / "compare-methods.md"
MINE = next(block.code for block in blocks_of(OWN_MODEL) if block.language == "yaml")


@pytest.mark.parametrize(("arguments", "block"), PASSERELLE)
def test_commands_are_accepted(arguments: list[str], block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    if tuple(arguments) in CHEAP:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code in CHEAP[tuple(arguments)], result.output
        return
    given = parse(arguments).params
    if "experiment" in given:
        named = {key: given[key] for key in ("arms", "seeds", "target") if given[key] is not None}
        load_any(given["experiment"], named)


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["compare", "--help"], ["base", "assemble", "--help"]]
)
def test_cheap_commands_run(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert result.output


def test_a_wrong_command_is_noticed() -> None:
    for arguments in (["compare"], ["compare", "x.yaml", "--arm", "a"], ["base", "buld"], ["answer", "x.png"]):
        with pytest.raises(click.ClickException):
            parse(arguments)


@pytest.mark.parametrize("block", [b for b in SHELL if b.comment.startswith("not run")], ids=str)
def test_what_is_not_run_has_a_reason(block: Block) -> None:
    assert re.fullmatch(r"not run: \S.+", block.comment)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {words[1] for block in SHELL for words in commands(block) if words[0] == "make"}
    assert named
    assert named <= targets


@pytest.mark.parametrize("block", PYTHON)
def test_python_examples_compile_and_run(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(block.code.splitlines()) < 20
    code = compile(block.code, str(block), "exec")
    import passerelle

    for names in re.findall(r"^from passerelle import (.+)$", block.code, re.MULTILINE):
        assert {name.strip() for name in names.split(",")} <= set(passerelle.__all__)
    if block.comment == "run":
        monkeypatch.chdir(ROOT)
        exec(code, {"__name__": "__main__"})


def test_some_python_example_runs() -> None:
    assert any(block.comment == "run" for block in BLOCKS if block.language == "python")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    local = [t.partition("#")[0] for t in targets if not re.match(r"[a-z]+:|#", t)]
    missing = [target for target in local if not (page.parent / target).exists()]
    assert not missing, f"{page.relative_to(ROOT)} links to what isn't there: {missing}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_placeholder_is_left(page: Path) -> None:
    assert "TODO" not in page.read_text(encoding="utf-8"), f"figures are missing in {page.relative_to(ROOT)}"


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.name)
def test_experiments_load(path: Path) -> None:
    assert load_any(path, {}).name == path.stem


def settings_of(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting with its default, nested keys joined by dots."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from settings_of(value, f"{prefix}{name}.")
        else:
            yield prefix + name, list(value) if isinstance(value, tuple) else value


def test_every_setting_is_listed_with_its_default() -> None:
    text = (ROOT / "docs" / "reference" / "experiments.md").read_text(encoding="utf-8")
    text, _, own = text.partition("## On your own model")
    assert re.findall(r"^\| `([a-z_]+)` \|", own, re.MULTILINE) == list(StudySettings.model_fields)
    rows = re.findall(r"^\| `([a-z_.]+)` \| `(.+?)` \| (.+) \|$", text, re.MULTILINE)
    listed = {key: json.loads(default) for key, default, _ in rows}
    assert len(rows) == len(listed), "a key is listed twice"
    assert listed == dict(settings_of(Experiment()))


def test_every_metric_is_defined() -> None:
    from passerelle.evaluation.statistics.scores import METRICS

    text = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| ([a-z]+) \|$", text, re.MULTILINE)
    directions = {"higher": "higher", "none": "diagnostic"}
    assert dict(rows) == {name: directions[metric.direction] for name, metric in METRICS.items()}


def test_every_arm_is_described() -> None:
    from passerelle.config import ARM_NAMES

    rows = re.findall(r"^\| `([a-z-]+)` \| ", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name in rows if name in ARM_NAMES][-len(ARM_NAMES) :] == list(ARM_NAMES)


@pytest.fixture
def filler() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fill_results", ROOT / "docs" / "fill_results.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tiny_results() -> dict[str, Any]:
    def score(metric: str, test: str, value: float, source: str = "all") -> dict[str, Any]:
        return {"metric": metric, "test": test, "source": source, "value": value, "low": value - 5, "high": value + 5}

    def arm(name: str, trained_on: str | None, *scores: dict[str, Any]) -> dict[str, Any]:
        cost = {"total_seconds": 90.0}
        return {"name": name, "trained_on": trained_on, "status": "done", "scores": list(scores), "cost": cost}

    return {
        "name": "demo",
        "created": "2026-01-02T03:04:05+00:00",
        "target_name": "French",
        "seeds": [1],
        "config": {"budget": {"tokens": 45000}},
        "data": {"pictures": {"test": 10}, "questions": 50},
        "hardware": {"cores": 2, "cpu": "some CPU"},
        "arms": [
            arm("english", None, score("choice", "english", 61.0), score("choice-random", "english", 70.0)),
            arm(
                "lora-mt",
                "machine",
                score("choice-random", "human", 11.0, "stamps"),
                score("choice-random", "human", 44.0),
                score("choice-random", "machine", 46.0),
                score("choice", "english", 52.0),
            ),
            arm("pipeline", None, score("choice-random", "human", 60.0)),
        ],
        "comparisons": [
            {
                "arm": "lora-mt", "against": "pipeline", "metric": "choice", "test": "human", "source": "all",
                "difference": -12.0, "low": -15.0, "high": -9.0, "p": 0.001, "holm_p": 0.018,
            }
        ],
    }  # fmt: skip


def test_results_are_filled_in_between_the_markers(filler: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(tiny_results()), encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- results:begin -->\nold\n<!-- results:end -->\nafter\n", encoding="utf-8")
    assert filler.main([str(tmp_path), str(page)]) == 0
    first = page.read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in first.splitlines() if line.startswith("| `")]
    assert rows[0] == ["`english`", "70.0 [65.0, 75.0]", "–", "–", "–", "–", "61.0 [56.0, 66.0]", "1.5"]
    assert rows[1] == ["`lora-mt`", "44.0 [39.0, 49.0]", "–", "–", "–", "–", "52.0 [47.0, 57.0]", "1.5"]
    # An arm that trains nothing is the base, and keeps its English.
    assert rows[2][-2:] == ["61.0 [56.0, 66.0]", "1.5"]
    assert first.startswith("before\n") and first.endswith("after\n") and "old" not in first
    filler.main([str(tmp_path), str(page)])
    assert page.read_text(encoding="utf-8") == first


def test_other_tables_are_filled_in_too(filler: ModuleType) -> None:
    page = "".join(f"<!-- {name}:begin -->\n<!-- {name}:end -->\n" for name in ("tests", "differences"))
    filled = filler.fill(page, tiny_results())
    assert "| `lora-mt` | 44.0 [39.0, 49.0] | 46.0 [41.0, 51.0] |" in filled
    assert "| `lora-mt` − `pipeline` | −12.0 [−15.0, −9.0] | 0.018 |" in filled


def test_a_page_without_markers_is_refused(filler: ModuleType) -> None:
    with pytest.raises(ValueError, match="no markers"):
        filler.fill("nothing here", tiny_results())


def test_pages_have_their_markers() -> None:
    wanted = {"README.md": {"results"}, "docs/reference/results.md": {"results", "tests", "differences"}}
    for page, names in wanted.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        assert set(re.findall(r"<!-- (\w+):begin -->", text)) == set(re.findall(r"<!-- (\w+):end -->", text)) == names
