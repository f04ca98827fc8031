"""Data formats: rows with texts out of a file, and the same file back with other texts."""
