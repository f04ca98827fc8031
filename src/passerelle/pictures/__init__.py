"""Pictures: opened safely, made small."""
