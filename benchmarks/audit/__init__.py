"""Texts with human translations of many sources, what engines make of them, and which of that is lost."""
