"""Data files read at run time: lexicons, prompts, splits."""
