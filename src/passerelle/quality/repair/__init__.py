"""Repairing translations: candidates, choice, files."""
