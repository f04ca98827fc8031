"""Experts' work, back in memory, data and estimate."""
