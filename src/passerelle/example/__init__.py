"""The embedded example: a small English base and data of stamps and emoji, as files like anybody's."""
