"""An audit as a page and in the terminal."""
