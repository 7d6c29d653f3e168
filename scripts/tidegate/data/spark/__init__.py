"""Data checks on Spark: executors run the plan on their share of the rows, and counts merge."""
