"""`passerelle evaluate`: read benchmarks, ask models, keep every answer, put figures together."""
