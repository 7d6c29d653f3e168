"""Each row of the threat model names a test, and the test is there."""

from __future__ import annotations

import ast
import re

import pytest

from local_github.act import ROOT

PAGE = (ROOT / "docs/threat-model.md").read_text()
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def rows() -> list[tuple[str, str]]:
    """(threat, test column) of each row of the table."""
    table = PAGE.partition("| threat | what stops it | test |")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("|") and "---" not in line]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert all(len(row) == 3 for row in cells)
    return [(row[0], row[2]) for row in cells]


def test_threat_model__has_its_rows() -> None:
    assert len(rows()) >= 30


@pytest.mark.parametrize(("threat", "proof"), rows(), ids=lambda text: text[:60])
def test_threat__is_shown_to_be_stopped_by_a_test_that_exists(threat: str, proof: str) -> None:
    named = TEST.findall(proof)
    assert named, f"{threat}: names no test"
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text())
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in functions, f"{threat}: {path} has no {name}"


def test_threat_model__says_what_is_not_stopped() -> None:
    assert len(re.findall(r"^- \*\*", PAGE.partition("## What is not stopped")[2], re.M)) >= 5
