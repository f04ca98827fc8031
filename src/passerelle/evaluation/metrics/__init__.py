"""Metrics: from answers to numbers, one file each."""
