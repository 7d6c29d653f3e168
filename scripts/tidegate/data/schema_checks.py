"""What the rules of a schema found in the parts of a dataset, put together."""

from __future__ import annotations

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


def is_faulty(held: Sequence[Held]) -> bool:
    """Whether a column is lost or of another type, or a rule fails as a whole or was not judged."""
    return any(
        finding.failing is None or (finding.blocks and finding.whole is not None)
        for part in held
        for finding in part.found
    )


def check_results(
    schema: Schema, parts: Sequence[Part], held: Sequence[Held], shown: Shown
) -> list[CheckResult]:
    """A result for each rule, in the schema's order."""
    by_rule: dict[Rule, CheckResult] = {}
    for part, findings in zip(parts, held, strict=True):
        found = findings.found
        for finding, its_examples in zip(found, examples(schema, part, found, shown), strict=True):
            result = _result(part, finding, its_examples, shown)
            known = by_rule.get(finding.rule)
            by_rule[finding.rule] = result if known is None else _merged(known, result)
    return list(by_rule.values())


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
