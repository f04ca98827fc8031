"""Translating whole data sets."""
