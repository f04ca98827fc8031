"""Models behind OpenAI-compatible servers: requests, what they may cost, how many are under way."""
