"""Benchmarks, one file each: how a row becomes an item, what a model is asked, how its answers are scored."""
