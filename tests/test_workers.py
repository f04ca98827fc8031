"""`make test` gives each file to one worker, and those that belong together to the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HOOK = f"""
from importlib.util import module_from_spec, spec_from_file_location

spec = spec_from_file_location("ours", {str(ROOT / "tests" / "conftest.py")!r})
ours = module_from_spec(spec)
spec.loader.exec_module(ours)
pytest_xdist_make_scheduler = ours.pytest_xdist_make_scheduler
"""
TESTS = "import pytest\n\n@pytest.mark.parametrize('number', range(6))\ndef test_it(number):\n    pass\n"


def test_the_tests_of_a_file_have_one_worker(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    (options,) = re.findall(r"^PYTEST := .* -m pytest (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    (tmp_path / "conftest.py").write_text(HOOK)
    for name in ("resume", "one", "other", "adapt"):
        (tmp_path / f"test_{name}.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "xdist.plugin", *options.split()]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # it takes seconds
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = re.findall(r"^\[(gw\d)\] .* PASSED test_(\w+)\.py::", done.stdout, re.MULTILINE)
    assert len(ran) == 24
    workers = {file: {worker for worker, where in ran if where == file} for _, file in ran}
    assert all(len(found) == 1 for found in workers.values()), workers
    assert workers["resume"] == workers["adapt"], "both fork processes"
