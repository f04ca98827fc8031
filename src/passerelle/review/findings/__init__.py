"""What experts' judgments say: agreement, ranking, status."""
