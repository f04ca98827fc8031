"""What must not change in a translation, kept and checked."""
