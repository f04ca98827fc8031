"""Reading answers: by the published rules, and by rules of their language."""
