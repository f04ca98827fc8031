"""Vision-language models: the embedded base, vision features, adapters, prefix trees."""
