"""What `benchmarks/gpu.sh` runs: one process a part, each with a time limit of its own."""
