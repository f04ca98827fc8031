"""Scoring of answers: metrics, language fidelity, intervals and paired comparisons."""
