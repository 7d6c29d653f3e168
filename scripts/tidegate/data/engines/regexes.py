"""Python's regular expressions in Rust's words, which Polars takes, where they mean the same.

Whether there is a match is all that is asked, so it does not matter which one is found. Refused are
patterns that Rust lacks (look-around, back-references), and those whose meaning hangs on tables of
Unicode that are not Python's (\\b, ignoring case).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import polars as pl

_SURROGATES = range(0xD800, 0xE000)  # halves of pairs, which are no characters
_CLASSES: Mapping[Any, Callable[[str], bool]] = {
    codes.CATEGORY_DIGIT: str.isdecimal,
    codes.CATEGORY_SPACE: str.isspace,
    codes.CATEGORY_WORD: lambda character: character.isalnum() or character == "_",
    codes.CATEGORY_NOT_DIGIT: lambda character: not character.isdecimal(),
    codes.CATEGORY_NOT_SPACE: lambda character: not character.isspace(),
    codes.CATEGORY_NOT_WORD: lambda character: not (character.isalnum() or character == "_"),
}


def in_rust(pattern: str, *, at_start: bool) -> str | None:
    """The pattern for Polars; None where it cannot be said.

    at_start: the match must begin where the text does (Python's re.match).
    """
    try:
        parsed = parser.parse(pattern)
    except (re.error, OverflowError, RecursionError):
        return None
    if parsed.state.flags & ~re.UNICODE:
        return None
    try:
        text = _sequence(parsed, last=True)
        rust = rf"\A(?:{text})" if at_start else text
        # Rust has a limit for the size of the automaton.
        pl.select(pl.lit("").str.contains(rust))
    except (_UnsayableError, pl.exceptions.PolarsError):
        return None
    return rust


class _UnsayableError(Exception):
    pass


def _sequence(parsed: Iterable[Any], *, last: bool) -> str:
    nodes = list(parsed)
    return "".join(
        _node(*node, last=last and at == len(nodes) - 1) for at, node in enumerate(nodes)
    )


def _node(code: Any, argument: Any, *, last: bool) -> str:
    if code is codes.LITERAL:
        return _character(argument)
    if code is codes.NOT_LITERAL:
        return f"[^{_character(argument)}]"
    if code is codes.ANY:
        return r"[^\n]"
    if code is codes.IN:
        return _set(argument)
    if code is codes.AT:
        return _position(argument, last=last)
    if code is codes.BRANCH:
        _, branches = argument
        return f"(?:{'|'.join(_sequence(branch, last=last) for branch in branches)})"
    if code is codes.SUBPATTERN:
        _, adds, removes, inside = argument
        if not adds and not removes:
            return f"(?:{_sequence(inside, last=last)})"
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
        least, most, inside = argument
        upper = "" if most is codes.MAXREPEAT else most
        return f"(?:{_sequence(inside, last=False)}){{{least},{upper}}}"
    raise _UnsayableError


def _set(items: Iterable[Any]) -> str:
    text = ""
    for code, argument in items:
        if code is codes.NEGATE:
            text += "^"
        elif code is codes.LITERAL:
            text += _character(argument)
        elif code is codes.RANGE:
            low, high = argument
            text += f"{_character(low)}-{_character(high)}"
        elif code is codes.CATEGORY and argument in _CLASSES:
            text += _class(argument)
        else:
            raise _UnsayableError
    return f"[{text}]"


def _position(code: Any, *, last: bool) -> str:
    if code in (codes.AT_BEGINNING, codes.AT_BEGINNING_STRING):
        return r"\A"
    if code is codes.AT_END_STRING:
        return r"\z"
    if code is codes.AT_END and last:
        return r"\n?\z"  # Python's $ may stand before a line break that ends the text
    raise _UnsayableError


def _character(point: int) -> str:
    if point in _SURROGATES:
        raise _UnsayableError
    return rf"\x{{{point:x}}}"


@cache
def _class(category: Any) -> str:
    """What is in one of Python's classes of characters, written out: Rust's tables may be newer."""
    holds = _CLASSES[category]
    text, first = "", None
    for point in range(sys.maxunicode + 2):
        inside = point <= sys.maxunicode and point not in _SURROGATES and holds(chr(point))
        if inside and first is None:
            first = point
        elif not inside and first is not None:
            text += f"{_character(first)}-{_character(point - 1)}"
            first = None
    return text
