"""What a translation lost: checks, a calibrated estimate, an audit, a gate and repair."""
