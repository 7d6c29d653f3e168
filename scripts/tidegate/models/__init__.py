"""A model that comes from elsewhere: what may be loaded of it, and how it is fetched."""
