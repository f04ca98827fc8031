"""What language models that translate are told, and what of their replies is a translation."""
