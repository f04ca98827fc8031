"""95% intervals hold the truth 93 to 97 times in 100 with clustered questions, and no less at the edges;
benchmarks/coverage.py does it at length."""

import importlib.util
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from benchmarks.audit.tables import between
from passerelle.evaluation.statistics.shares import mean_within
from passerelle.evaluation.statistics.significance import cluster_bootstrap, mean_of

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "coverage.py"
TRIALS = 200


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("coverage_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_means_hold_the_truth_from_4_to_400_and_at_the_edges(module):
    found = {
        (size, truth, layout): module.edge(size, truth, layout, trials=TRIALS)
        for size, truth, layout in product((4, 10, 30, 100, 400), (0.0, 0.02, 0.5, 1.0), module.LAYOUTS)
    }
    assert len(found) == 5 * 4 * 7
    short = {case: held for case, (held, _) in found.items() if held < 0.95 - 2 * (0.95 * 0.05 / TRIALS) ** 0.5}
    assert not short, "less than 95 in 100, by more than the luck of two standard errors"
    assert all(held == 1 for (_, truth, _), (held, _) in found.items() if truth in (0.0, 1.0))
    widths = {size: width for (size, truth, layout), (_, width) in found.items() if truth == 0.5 and "own" in layout}
    assert widths[4] > 2 * widths[30] > 6 * widths[400], "more questions are surer"


def test_a_bootstrap_of_few_graded_answers_would_not_hold_it(module):
    """Why means of answers that are right in part aren't drawn: at 2% of four pictures nearly all draws are alike."""
    generator, held, drawn = np.random.default_rng(1), 0, 0
    for _ in range(TRIALS):
        scores = (generator.random((3, 4)) < 0.02).mean(axis=0)
        exact, percentile = (
            mean_within(scores, list("abcd"), (0.0, 1.0)),
            cluster_bootstrap(mean_of(scores), list("abcd"), resamples=300),
        )
        held += exact.low <= 0.02 <= exact.high
        drawn += percentile.low <= 0.02 <= percentile.high
    assert held / TRIALS >= 0.95 and drawn / TRIALS < 0.5


def test_the_page_holds_the_table_of_the_script(module):
    page = (SCRIPT.parent / "README.md").read_text(encoding="utf-8")
    rows = between(page, "coverage")[1].splitlines()
    assert rows[0] == next(module.edges_table(0)) and len(rows) == 2 + 20
    quick = {(4, 0.0), (100, 1.0)}  # the same in every trial
    for size, truth in quick:
        (row,) = (row for row in rows if row.startswith(f"| {size} | {100 * truth:g} |"))
        cells = [module.edge(size, truth, layout, trials=1) for layout in module.LAYOUTS]
        assert row.split("|")[3:-1] == [f" {100 * held:.1f} ({100 * width:.1f}) " for held, width in cells]


def test_intervals_cover_the_truth(module):
    found = module.simulate("mean", pictures=300, per_picture=4, trials=800, resamples=500, seed=1)
    assert 0.93 <= found <= 0.97
    # As if questions about one picture were independent: too narrow.
    assert (
        module.simulate("mean", pictures=150, per_picture=4, trials=200, resamples=400, seed=1, clustered=False) < 0.9
    )
