"""Asking models: questions in words, answers kept, who is examined."""
