"""Running a comparison again from its results, and saying what differs."""
