"""From findings to the probability that a native reader would accept a pair."""
