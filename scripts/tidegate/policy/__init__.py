"""The bar of a pull request: what its base branch asks, whatever the pull request says there."""
