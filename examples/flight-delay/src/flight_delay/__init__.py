"""Says how likely a flight from New York is to arrive more than 15 minutes late."""
