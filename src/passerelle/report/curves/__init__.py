"""Curves: quality by the size of the data, the loss by the steps."""
