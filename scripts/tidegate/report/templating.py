"""Templates of Markdown and of pages. What Jinja compiled is kept, as Python keeps its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import jinja2
from jinja2 import Environment, FileSystemBytecodeCache, PackageLoader, StrictUndefined

from tidegate import __version__

_COMPILED = Path(__file__).parent / "__pycache__"


def template_environment(*, autoescape: bool, keep_trailing_newline: bool = False) -> Environment:
    """Templates of this package. A name that nobody gave is an error, not an empty text."""
    return Environment(
        loader=PackageLoader("tidegate.report"),
        autoescape=autoescape,  # noqa: S701 - False is for Markdown, which has filters of its own
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=keep_trailing_newline,
        bytecode_cache=_compiled(),
        # What is kept must hang on the template's text alone, not on a filter's code.
        optimized=False,
    )


def _compiled() -> FileSystemBytecodeCache | None:
    """Compiling the templates takes longer than a check of a thousand rows."""
    if sys.dont_write_bytecode or not os.access(_COMPILED, os.W_OK):
        return None
    return FileSystemBytecodeCache(
        str(_COMPILED), f"templates-{__version__}-jinja-{jinja2.__version__}-%s.pyc"
    )
