"""What a comparison will cost and what its tests can show, before it is run."""
