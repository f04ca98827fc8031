"""Translation: engines behind one contract, language codes, and the memory that keeps what they said."""
