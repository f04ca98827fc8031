"""All that is known of a language: codes, words, prompts, identification."""
