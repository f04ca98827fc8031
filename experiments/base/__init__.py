"""How the embedded base's learnt weights were made, and how to measure them; see docs/reference/base.md."""
