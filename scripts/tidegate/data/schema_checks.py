"""What the rules of a schema found in the parts of a dataset, put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tidegate.data.engines.findings import Found, Held
from tidegate.data.engines.tally import MAX_EXAMPLES
from tidegate.data.examples import Shown, examples
from tidegate.data.parts import Part
from tidegate.data.results import CheckResult, Example
from tidegate.data.rules import Rule
from tidegate.data.schemas import Schema
from tidegate.verdict import Verdict

_MAX_NAME = 100


def is_faulty(held: Sequence[Held], checks: Sequence[CheckResult]) -> bool:
    """Whether a column is lost or of another type, or a rule fails as a whole or was not judged.

    checks: what `check_results` makes of what the parts held.
    """
    return any(check.verdict is Verdict.INCONCLUSIVE for check in checks) or any(
        finding.failing is None or (finding.blocks and finding.whole is not None)
        for part in held
        for finding in part.found
    )


def check_results(
    schema: Schema, parts: Sequence[Part], held: Sequence[Held], shown: Shown
) -> list[CheckResult]:
    """A result for each rule, in the schema's order.

    A key may repeat across parts, where it is not looked for: then its rule does not pass.
    """
    by_rule: dict[Rule, CheckResult] = {}
    for part, findings in zip(parts, held, strict=True):
        found = findings.found
        for finding, its_examples in zip(found, examples(schema, part, found, shown), strict=True):
            result = _result(part, finding, its_examples, shown)
            known = by_rule.get(finding.rule)
            by_rule[finding.rule] = result if known is None else _merged(known, result)
    judged = Counter(
        finding.rule for part in held for finding in part.found if finding.failing is not None
    )
    return [
        _within_parts(result, judged[rule]) if rule.is_uniqueness and judged[rule] > 1 else result
        for rule, result in by_rule.items()
    ]


def shortened(check: str) -> str:
    """isin(['AA', 'AS', …) of hundreds of values, cut to a length that can be read."""
    return check if len(check) <= _MAX_NAME else check[: _MAX_NAME - 2] + "…)"


def _result(part: Part, finding: Found, its_examples: list[Example], shown: Shown) -> CheckResult:
    verdict = Verdict.INCONCLUSIVE if finding.failing is None else Verdict.PASS
    return CheckResult(
        column=finding.rule.column,
        check=shortened(finding.rule.name),
        verdict=Verdict.FAIL if finding.blocks else verdict,
        failing_rows=finding.failing or 0,
        examples=tuple(its_examples),
        redacted=not shown.columns(part, finding.rule, finding.columns),
        engine=finding.engine,
        warns=finding.rule.warns_only,
        engine_reason=finding.why,
    )


def _within_parts(result: CheckResult, parts: int) -> CheckResult:
    """The result of a uniqueness rule that was asked within each of some parts alone."""
    return replace(
        result,
        verdict=Verdict.INCONCLUSIVE if result.verdict is Verdict.PASS else result.verdict,
        detail=f"asked within each of {parts} groups of files that differ in their columns, not "
        "across them: give all files the columns of the schema",
    )


def _merged(one: CheckResult, other: CheckResult) -> CheckResult:
    """The result of a rule for two parts."""
    order = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
    return replace(
        one,
        verdict=min(one.verdict, other.verdict, key=order.index),
        failing_rows=one.failing_rows + other.failing_rows,
        examples=(*one.examples, *other.examples)[:MAX_EXAMPLES],
        redacted=one.redacted and other.redacted,
        engine=one.engine if one.engine == other.engine else "pandera",
        engine_reason=one.engine_reason or other.engine_reason,
    )
