"""The documentation holds: commands parse, examples compile, links lead somewhere, settings are listed as they are."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner
from pydantic import BaseModel

import passerelle
from passerelle.adaptation.settings import METHODS, AdaptSettings, AlarmSettings, MixSettings, PartSettings
from passerelle.cli import main
from passerelle.comparison.entries import DataEntry
from passerelle.comparison.entries import TestEntry as BenchmarkEntry
from passerelle.comparison.settings import (
    MACHINE,
    SMOKE,
    Experiment,
    load_experiment,
    parse_experiment,
)
from passerelle.comparison.untrained import UNTRAINED
from test_layout import LAYERS, LEVEL, PACKAGE

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


OWN_MODEL = ROOT / "docs" / "howto" / "compare-methods.md"
MINE = next(block.code for block in blocks_of(OWN_MODEL) if block.language == "yaml")


def load_shown(path: Path, named: dict[str, Any], arms: list[str] | None, page: Path, folder: Path) -> Experiment:
    """Load the experiment of a command, with its options: a file that the page shows, mine.yaml else the how-to's."""
    shown = next((block.code for block in blocks_of(page) if block.comment == f"file: {path}"), "")
    if shown or path.name == "mine.yaml":
        path = folder / path.name
        path.write_text(shown or MINE, encoding="utf-8")
    return load_experiment(path, named, arms)


@pytest.mark.parametrize(("arguments", "block"), PASSERELLE)
def test_commands_are_accepted(
    arguments: list[str], block: Block, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    if tuple(arguments) in CHEAP:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code in CHEAP[tuple(arguments)], result.output
        return
    given = parse(arguments).params
    if "experiment" in given:
        keys = {"seeds": "seeds", "target": "language", "model": "model", "review": "review"}
        named = {keys[key]: given[key] for key in keys if given[key] is not None}
        shown = load_shown(given["experiment"], named, given["arms"], block.page, tmp_path)
        assert list(shown.arms) == (given["arms"] or list(shown.arms))


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["compare", "--help"], ["base", "assemble", "--help"]]
)
def test_cheap_commands_run(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert result.output


def test_a_wrong_command_is_noticed() -> None:
    for arguments in (["compare"], ["compare", "x.yaml", "--arm", "a"], ["base", "asemble"], ["answer", "x.png"]):
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
    assert len(block.code.splitlines()) <= (30 if block.comment.startswith("file: ") else 20)
    code = compile(block.code, str(block), "exec")
    for names in re.findall(r"^from passerelle import (.+)$", block.code, re.MULTILINE):
        assert {name.strip() for name in names.split(",")} <= set(passerelle.__all__)
    assert set(re.findall(r"\bpasserelle\.(\w+)\(", block.code)) <= set(passerelle.__all__)
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


def test_the_readme_shows_all_of_python_in_one_example() -> None:
    (example,) = (block for block in blocks_of(ROOT / "README.md") if block.language == "python")
    shown = set(re.findall(r"\bpasserelle\.(\w+)\(", example.code))
    assert {"translate", "adapt", "evaluate", "compare"} <= shown
    assert shown & {"audit", "gate", "repair"}
    assert "tests/test_readme_example.py" in example.comment


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.name)
def test_experiments_load(path: Path) -> None:
    assert load_experiment(path).name == path.stem
    assert load_experiment(path, SMOKE).limit == SMOKE["limit"]


def test_the_methods_experiment_has_all_methods() -> None:
    experiment = load_experiment(ROOT / "experiments" / "methods.yaml")
    assert {experiment.method(arm) for arm in experiment.arms} == {*UNTRAINED, *METHODS}


def test_the_example_of_own_comparisons_has_all_kinds_of_text() -> None:
    shown = parse_experiment(yaml.safe_load(MINE), "mine.yaml")
    texts = {(text == MACHINE, shown.screened(arm)) for arm in shown.trained for text in shown.texts(arm)}
    assert {(True, ""), (True, "gate"), (True, "repair"), (False, "")} <= texts
    assert any(test.machine for test in shown.tests)
    assert set(UNTRAINED) <= set(map(shown.method, shown.arms))


INNER = {"data": ("data.NAME.", DataEntry), "tests": ("tests[].", BenchmarkEntry)}


def settings_of(kind: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting with its default as JSON has it, nested keys joined by dots."""
    for name, field in kind.model_fields.items():
        value = "needed" if field.is_required() else field.default
        if isinstance(value, BaseModel):
            yield from settings_of(type(value), f"{prefix}{name}.")
            continue
        yield prefix + name, list(value) if isinstance(value, tuple) else value
        if kind is Experiment and name in INNER:
            inner, of_entry = INNER[name]
            yield from settings_of(of_entry, inner)


def test_every_setting_is_listed_with_its_default() -> None:
    text = (ROOT / "docs" / "reference" / "experiments.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w.\[\]]+)` \| (needed|`.+?`) \| (.+) \|$", text, re.MULTILINE)
    listed = {key: default if default == "needed" else json.loads(default.strip("`")) for key, default, _ in rows}
    assert len(rows) == len(listed), "a key is listed twice"
    assert listed == dict(settings_of(Experiment))


def test_every_setting_of_an_adaptation_is_named() -> None:
    text = (ROOT / "docs" / "reference" / "methods.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`([\w.]+)`", cell)}
    wanted = {*AdaptSettings.model_fields, *PartSettings.model_fields} - {"mix", "alarms"}
    wanted |= {f"mix.{name}" for name in MixSettings.model_fields}
    wanted |= {f"alarms.{name}" for name in AlarmSettings.model_fields}
    assert wanted <= named


def metrics_of_all_benchmarks() -> dict[str, str]:
    """Return every metric that a benchmark gives, with its direction."""
    from passerelle.evaluation.benchmarks import languages
    from passerelle.evaluation.benchmarks.base import Item, Measure
    from passerelle.evaluation.benchmarks.registry import BENCHMARKS
    from passerelle.records import Answer

    items = [
        Item(
            id=f"{number}", question="Is it?", language="en", picture="p", options=("yes", "no"), correct=number,
            references=("yes",) * 10, subtask="existence", group="pair",
        )
        for number in (0, 1)
    ]  # fmt: skip
    likely = {"logprobs": (-1.0, -2.0), "priors": (-1.0, -1.0), "tokens": (1, 1)}
    answers = [Answer(question=item.id, text="yes", **likely) for item in items]
    found: list[Measure | None] = [*languages.fidelity_measures(items, answers, ["Is it?"] * 2)]
    for benchmark in BENCHMARKS.values():
        for method in ("generate", "pmi"):
            found += benchmark.score(items, answers, method)
    chosen = next(measure for measure in found if measure and measure.chosen is not None)
    found.append(languages.consistency_measure(chosen, chosen, ("en", "fr")))
    return {measure.metric: measure.direction for measure in found if measure is not None}


def test_every_metric_is_defined() -> None:
    text = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9+-]+)` \|.*\| (higher|diagnostic) \|$", text, re.MULTILINE)
    directions = {"higher": "higher", "none": "diagnostic"}
    assert dict(rows) == {metric: directions[way] for metric, way in metrics_of_all_benchmarks().items()}
    assert len(rows) == len(dict(rows))


def test_every_benchmark_is_described() -> None:
    from passerelle.evaluation.benchmarks.registry import BENCHMARKS

    text = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    text = text.partition("\n## Benchmarks\n")[2]
    rows = re.findall(r"^\| ((?:`[a-z0-9-]+`(?:, )?)+) \|", text, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(.+?)`", row)} >= set(BENCHMARKS)


def test_every_arm_is_described() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- results:end -->")[2]
    rows = re.findall(r"^\| `([a-z-]+)` \| ", text, re.MULTILINE)
    described = rows[: rows.index("lora-human") + 3]
    demo = load_experiment(ROOT / "experiments" / "demo.yaml").arms
    assert [name for name in described if name in demo] == list(demo)


HOUSE = ROOT / "CONTRIBUTING.md"


def test_the_map_of_the_house_is_that_of_the_layout_test() -> None:
    """The floors of the map are in the order of LAYERS, and every folder of the package has one."""
    drawn = next(block.code for block in blocks_of(HOUSE) if block.language == "" and "pictures" in block.code)
    columns = [line.partition("  ")[0].split(", ") for line in drawn.splitlines()]
    named = [name.rstrip("/") for names in columns for name in names]
    levels = [LEVEL[name] for name in named]
    assert levels == sorted(levels)
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    parts = {name for names in LAYERS for name in names}
    assert folders & parts - {"data"} == {name for name in named if (PACKAGE / name).is_dir()}


def test_every_place_to_add_a_thing_is_there() -> None:
    """Each row of CONTRIBUTING's table names folders, data files and tests that exist, and dicts that hold it."""
    text = HOUSE.read_text(encoding="utf-8").partition("## Add a thing")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) >= 8
    for row in rows:
        for name, file in re.findall(r"`([A-Z_]+)` in `([\w/.]+)`", row):
            tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
            targets = [t for n in tree.body for t in getattr(n, "targets", [getattr(n, "target", None)])]
            assert name in {t.id for t in targets if isinstance(t, ast.Name)}, f"{file} has no {name}"
        for place in re.findall(r"`([\w/.-]+(?:/|\.py|\.toml))`", row):
            assert (ROOT / place).exists() or (PACKAGE / place).exists(), f"{place} isn't there: {row}"
