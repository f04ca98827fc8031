"""Intervals, paired comparisons, corrections."""
