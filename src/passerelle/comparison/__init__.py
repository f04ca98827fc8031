"""A comparison: its file, its arms, its run."""
