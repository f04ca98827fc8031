"""Pictures with captions, and what is asked and taught about them."""
