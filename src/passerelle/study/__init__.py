"""The comparison on one's own model, data and benchmarks."""
