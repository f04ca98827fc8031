"""Run an experiment: prepare its data, run its arms, score them, write what came out."""
