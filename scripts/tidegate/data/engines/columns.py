"""Columns referred to by name alone."""

from __future__ import annotations

import polars as pl


def column(name: str) -> pl.Expr:
    """The column of that name, whatever the name: pl.col() takes some for patterns."""
    if is_plain(name):
        return pl.col(name)
    return pl.selectors.by_name(name).as_expr()


def is_plain(name: str) -> bool:
    """Whether pl.col(name) is that column and nothing else."""
    return name not in ("*", "") and not (name.startswith("^") and name.endswith("$"))
