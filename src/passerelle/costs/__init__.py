"""The ledger: seconds, operations, memory and sentences, phase by phase."""
