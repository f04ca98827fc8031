"""How the package is built: imports run one way, files stay short, nothing unsafe, a light start."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import passerelle

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "passerelle"
FILES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES = 400

# Each stage may import the ones before it, never one after it. Those in one tuple may import each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "records", "config", "runs", "costs", "data", "progress", "provenance", "machine"),
    ("pictures",),
    ("endpoints",),
    ("languages",),
    ("crews",),
    ("formats",),
    ("example",),
    ("models",),
    ("translation",),
    ("evaluation",),
    ("quality",),
    ("adaptation",),
    ("report",),
    ("review",),
    ("comparison",),
    ("api", "deciding"),
    ("doctor",),
    ("setting_up",),
    ("__init__",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

HEAVY = {"alembic", "datasets", "evalica", "fastapi", "lingua", "matplotlib", "pandas", "peft", "pyarrow", "ray"}
HEAVY |= {"sacrebleu", "scipy", "sqlalchemy", "torch", "transformers", "uvicorn", "wordfreq"}
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "shelve", "marshal"}
UNSAFE_CALLS = {"eval", "exec", "os.system", "yaml.load", "yaml.unsafe_load"}

# The public API, in order; a name here is a promise.
PUBLIC = [
    "Adaptation",
    "Comparison",
    "Evaluation",
    "Gated",
    "PasserelleError",
    "Plan",
    "RepairedFile",
    "Reproduction",
    "__version__",
    "adapt",
    "advise",
    "audit",
    "compare",
    "evaluate",
    "gate",
    "plan",
    "repair",
    "report_on",
    "reproduce",
    "translate",
]


def part_of(path: Path) -> str:
    """Return the part of the package that a file belongs to: its folder, or its own name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_parts(path: Path, source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, part) for every import of this package in a file, those inside functions included."""
    package = ["passerelle", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            # "from passerelle import x" names the part in what it imports
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "passerelle" else [module]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "passerelle":
                yield node.lineno, (name.split(".") + ["__init__"])[1]


def backward_imports(path: Path, source: str) -> list[str]:
    here = part_of(path)
    return [
        f"{path.name}:{line} ({here}) imports {there}, which comes after it"
        for line, there in imported_parts(path, source)
        if there != here and LEVEL.get(there, len(LAYERS)) > LEVEL[here]
    ]


def named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_every_part_has_a_place() -> None:
    parts = {part_of(path) for path in FILES} - {"__init__"}
    assert parts <= set(LEVEL), f"give {sorted(parts - set(LEVEL))} a place in LAYERS"


@pytest.mark.parametrize("path", [path for path in FILES if part_of(path) != "__init__"], ids=named)
def test_imports_run_one_way(path: Path) -> None:
    assert backward_imports(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import passerelle.report.table",
        "from passerelle.report import table",
        "from passerelle import report",
        "from ..report.table import x",
        "from .. import report",
        "def late():\n    from passerelle.report import table",
        "import passerelle",
    ],
)
def test_a_backward_import_is_seen(source: str) -> None:
    assert len(backward_imports(PACKAGE / "models" / "example.py", source)) == 1


def test_forward_imports_are_allowed() -> None:
    source = "import torch\nfrom passerelle.errors import UserError\nfrom .base import x\nfrom ..example import y"
    assert backward_imports(PACKAGE / "models" / "example.py", source) == []


@pytest.mark.parametrize("path", FILES, ids=named)
def test_file_is_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{lines} lines: divide it"


def unsafe_calls(source: str) -> list[str]:
    """List what could run code that comes with data: pickle, eval, torch.load without weights_only=True."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            modules = [module] if module else [alias.name for alias in node.names]
            found += [name for name in modules if name.split(".")[0] in UNSAFE_MODULES]
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            options = {key.arg: ast.unparse(key.value) for key in node.keywords}
            unsafe = (
                name in UNSAFE_CALLS
                or (name == "torch.load" and options.get("weights_only") != "True")
                or options.get("allow_pickle") == "True"
            )
            found += [f"{name} in line {node.lineno}"] if unsafe else []
    return found


@pytest.mark.parametrize("path", FILES, ids=named)
def test_data_runs_no_code(path: Path) -> None:
    assert unsafe_calls(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "eval(text)",
        "yaml.load(text, yaml.Loader)",
        "numpy.load(path, allow_pickle=True)",
    ],
)
def test_an_unsafe_call_is_seen(source: str) -> None:
    assert len(unsafe_calls(source)) == 1


def test_safe_calls_are_allowed() -> None:
    assert unsafe_calls("torch.load(path, weights_only=True)\nmodel.eval()\nyaml.safe_load(text)") == []


def test_the_command_starts_without_heavy_libraries() -> None:
    code = (
        f"import sys, passerelle.cli; heavy = {HEAVY!r} & set(sys.modules);"
        "sys.exit(f'imported: {sorted(heavy)}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_help_lists_the_commands() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from passerelle.cli import main; main()", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "compare" in done.stdout
    assert "doctor" in done.stdout


def test_public_names() -> None:
    assert list(passerelle.__all__) == PUBLIC
    assert all(hasattr(passerelle, name) for name in PUBLIC)


def test_types_are_announced() -> None:
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.parametrize("script", [".ci/run", "scripts/setup.sh"])
def test_script_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", ROOT / script], check=True)


def test_setup_refuses_an_unknown_target() -> None:
    command = ["bash", str(ROOT / "scripts" / "setup.sh"), "tets"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 2
    assert "unknown target 'tets'. Allowed: run, test, quality, dev, base." in done.stderr
