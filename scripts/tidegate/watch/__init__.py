"""What is looked at once a release is in production. docs/watch.md has the why."""
