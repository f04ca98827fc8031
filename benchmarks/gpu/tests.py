"""Run the tests that are marked gpu; a row for each that fails, and one for all.

Run: python -m gpu.tests [--smoke]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gpu.rows import emit

ROOT = Path(__file__).resolve().parents[2]
FILES = ("tests/adaptation/test_adapting_on_gpu.py", "tests/models/test_models_on_gpu.py")
# Little beside the others: one method of one family, trees and replies.
SMOKE = "(learns_in_bf16 and llava and lora) or losses_are and llava or four_bits or computed_once and llava or "
SMOKE += "killed or nccl or trees and llava or at_once and qwen2_5_vl or examined"
PROCESSES = 8


class Watch:
    """Counts outcomes and says at once what fails."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take note of a test's outcome."""
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.outcome] += 1
        if report.failed:
            emit(f"test {report.nodeid.rpartition('::')[2]}", "**failed**: see tests.log")
        if report.skipped:
            reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
            self.skipped.append(f"{report.nodeid.rpartition('::')[2]}: {str(reason).removeprefix('Skipped: ')}")


def main() -> None:
    """Run them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true")
    given = parser.parse_args()
    # Other plugins and versions than ours may warn, which is no fault of what is tested.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    arguments = ["-m", "gpu", "-q", "-W", "default", "-p", "no:cacheprovider", "-p", "pytest_timeout", *FILES]
    if given.smoke:
        os.environ["PASSERELLE_GPU_TESTS"] = "cpu"
        arguments += ["-k", SMOKE]
    elif importlib.util.find_spec("xdist") is not None:
        arguments += ["-p", "xdist.plugin", "-n", str(PROCESSES)]
    os.chdir(ROOT)
    watch = Watch()
    code = pytest.main(arguments, plugins=[watch])
    said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(watch.outcomes.items())) or "none ran"
    skipped = f" ({'; '.join(watch.skipped)})" if watch.skipped else ""
    emit("pytest -m gpu", said + skipped, "all pass", exit=int(code), **watch.outcomes)
    sys.exit(0 if code == 0 else 1)


if __name__ == "__main__":
    main()
