"""The ways of adapting a model, on one training loop; each ends in an answerer."""
