"""Workers that share a long piece of work: processes on this machine, or on Ray."""
