"""Gates for machine-learning services: data, model, image, promotion."""

__version__ = "0.1.0"
