"""The page that experts work in."""
