"""95% intervals hold the truth 93 to 97 times in 100 with clustered questions; benchmarks/coverage.py does it at
length."""

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "coverage.py"


def test_intervals_cover_the_truth():
    spec = importlib.util.spec_from_file_location("coverage_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.simulate("mean", pictures=300, per_picture=4, trials=800, resamples=500, seed=1)
    assert 0.93 <= found <= 0.97
    # As if questions about one picture were independent: too narrow.
    assert (
        module.simulate("mean", pictures=150, per_picture=4, trials=200, resamples=400, seed=1, clustered=False) < 0.9
    )
