"""Moved to `sources.text_types`."""

from tidegate.data.sources.text_types import unreadable

__all__ = ["unreadable"]
