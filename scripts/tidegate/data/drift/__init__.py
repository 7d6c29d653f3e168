"""A dataset held against a reference dataset, column by column. docs/data-drift.md has the why."""
