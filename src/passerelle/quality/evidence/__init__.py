"""What checks know: dictionaries, word lists, analyses, embeddings."""
