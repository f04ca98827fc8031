"""How the review database's tables came to be, step by step."""
