"""Merging the weights of models."""
