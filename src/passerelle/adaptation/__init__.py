"""Adapting a model: settings, stages, the one training loop, what it leaves."""
