"""A report that somebody else wrote, held to the schema that is published for it."""

from __future__ import annotations

import json
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn

from tidegate.errors import TidegateError
from tidegate.report.escape import plain
from tidegate.report.schemas import report_schema

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

MAX_PARTS = 200_000  # values, lists and objects in one report
MAX_DEPTH = 20


class ReportError(TidegateError):
    """A report is not what its schema says."""

    def __init__(self, verb: str, what: str):
        super().__init__(
            f"its report is refused: {what}",
            where=f"{verb}.json",
            remedy="look at the run and at what it uploads before you trust it with anything",
        )


def parse_report(verb: str, content: bytes, commit: str | None) -> dict[str, Any]:
    """A verb's report from its bytes, as its schema has it; no NaN, nothing deeper than it needs.

    commit: the one that it must be of, if any. Raises ReportError.
    """
    try:
        report = json.loads(content.decode("utf-8"), parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ReportError(verb, f"no JSON ({plain(error, 120)})") from None
    _hold_to_size(verb, report)
    broken = next(_validator(verb).iter_errors(report), None)
    if broken is not None:
        place = "".join(f"[{part!r}]" for part in broken.absolute_path) or "the report"
        raise ReportError(verb, f"{plain(place, 120)}: {plain(broken.message, 200)}")
    assert isinstance(report, dict)  # noqa: S101 - the schema has seen to it
    if commit is not None and (report.get("commit") or commit) != commit:
        raise ReportError(verb, "it is of another commit")
    return report


def _hold_to_size(verb: str, report: Any) -> None:
    level, parts = [report], 0
    for _ in range(MAX_DEPTH):
        parts += len(level)
        if parts > MAX_PARTS:
            raise ReportError(verb, f"it holds more than {MAX_PARTS:,} values")
        level = [
            inner
            for part in level
            if isinstance(part, dict | list)
            for inner in (part.values() if isinstance(part, dict) else part)
        ]
        if not level:
            return
    raise ReportError(verb, f"it is nested more than {MAX_DEPTH} deep")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError("a number is too large")
    return value


@cache
def _validator(verb: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(report_schema(verb))
