"""Checks: each looks at a pair for one kind of error."""
