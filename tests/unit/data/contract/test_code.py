"""Functions told apart by what they do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tidegate import references
from tidegate.data.contract.code import code_digest

MODULE = """\
import re
import functools
import numpy as np
from pathlib import Path

LIMIT = 10
LETTERS = {"a", "b", "c"}
PATTERN = re.compile("x+")

class Limits:
    TOP = 5

def helper(value):
    return value < LIMIT

def made(limit):
    def inner(value):
        return value < limit
    return inner

def decorated(function):
    @functools.wraps(function)
    def wrapper(*arguments):
        return function(*arguments)
    return wrapper

def plain(value):
    '''Says so.'''
    # A comment.
    return helper(value) and value > 0

@decorated
def wrapped(value):
    return value > 1

def looked_up(value):
    return value in LETTERS and PATTERN.match(value) and np.isin(value, [1])

def bounded(value, most=Limits.TOP):
    return value < Limits.TOP

def recursive(value):
    return value == 0 or recursive(value - 1)

closed = made(3)
bound = functools.partial(helper, LIMIT)
first, second = (lambda v: v > 1), (lambda v: v > 2)
"""
NAMES = ["plain", "wrapped", "looked_up", "bounded", "recursive", "closed", "bound", "first",
         "second"]  # fmt: skip


@pytest.fixture
def digests(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Digests of the module's functions, after a replacement in its text."""
    count = iter(range(100))

    def read(old: str = "", new: str = "") -> dict[str, str]:
        assert old in MODULE
        folder = tmp_path / f"version{next(count)}"
        folder.mkdir()
        (folder / "checks.py").write_text(MODULE.replace(old, new) if old else MODULE)
        found = {}
        for name in NAMES:
            function = references.load(f"checks.py:{name}", folder, where="test")
            found[name] = code_digest(function)
        return found

    return read


def test_code_digest__where_the_code_lies_and_what_is_said_of_it_do_not_count(
    digests: Callable[..., dict[str, str]],
) -> None:
    before = digests()
    assert digests() == before
    assert digests("    # A comment.\n", "\n\n") == before
    assert digests("Says so.", "Says something else.") == before
    assert before["first"] != before["second"]


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("value > 0", "value >= 0", {"plain"}),
        ("return value < LIMIT", "return value <= LIMIT", {"plain", "bound"}),
        ("LIMIT = 10", "LIMIT = 11", {"plain", "bound"}),
        ("TOP = 5", "TOP = 6", {"bounded"}),
        ("made(3)", "made(4)", {"closed"}),
        ('"b", "c"}', '"b"}', {"looked_up"}),
        ('compile("x+")', 'compile("x*")', {"looked_up"}),
        ("np.isin", "np.isnan", {"looked_up"}),
        ("return value > 1", "return value > 7", {"wrapped"}),
        ("recursive(value - 1)", "recursive(value - 2)", {"recursive"}),
        ("lambda v: v > 1", "lambda v: v > 1.5", {"first"}),
    ],
)
def test_code_digest__what_a_function_does_counts(
    digests: Callable[..., dict[str, str]], old: str, new: str, changed: set[str]
) -> None:
    before, after = digests(), digests(old, new)
    assert {name for name in NAMES if before[name] != after[name]} == changed


def test_code_digest__is_the_same_in_every_process(tmp_path: Path) -> None:
    (tmp_path / "checks.py").write_text(MODULE)
    program = (
        "import sys; from pathlib import Path; from tidegate import references\n"
        "from tidegate.data.contract.code import code_digest\n"
        f"for name in {NAMES}:\n"
        "    loaded = references.load(f'checks.py:{name}', Path(sys.argv[1]), where='')\n"
        "    print(code_digest(loaded))\n"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(answers) == 1
