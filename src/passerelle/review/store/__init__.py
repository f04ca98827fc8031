"""Where a campaign is kept."""
