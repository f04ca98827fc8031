"""Several runs, of other languages, models or days, on one page."""
