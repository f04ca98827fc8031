"""Translate whole data sets: rows in, the same rows out in another language, nothing lost."""
