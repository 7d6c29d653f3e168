"""Says how many minutes late a flight that has just left New York will arrive."""
