"""Files read as plain values, for commands that don't write them back; what in them is missing."""
