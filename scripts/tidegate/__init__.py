"""Gates for machine-learning services: data, model, image, promotion."""

__version__ = "1.0.0"
