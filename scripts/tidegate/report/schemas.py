"""The JSON Schema of each verb's machine report. Later versions only add fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_NUMBER: Schema = {"type": "number"}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_COUNT_OR_NULL: Schema = {"type": ["integer", "null"], "minimum": 0}
_FLAG: Schema = {"type": "boolean"}
_VERDICT: Schema = {"enum": ["pass", "fail", "inconclusive"]}


def _object(**fields: Schema) -> Schema:
    return {"type": "object", "required": [*fields], "properties": fields}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _nullable(schema: Schema) -> Schema:
    return {"oneOf": [{"type": "null"}, schema]}


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


_BUDGET = _object(
    name=_TEXT,
    value=_NUMBER,
    max=_NUMBER_OR_NULL,
    verdict=_VERDICT,
    blocking=_FLAG,
    champion=_NUMBER_OR_NULL,
    # In the figure's unit, or a share of the champion's figure such as 10%.
    max_increase={"type": ["number", "string", "null"], "pattern": "%$"},
    limit=_NUMBER_OR_NULL,
    min=_NUMBER_OR_NULL,
)
_ERROR = _object(what=_TEXT, where=_TEXT_OR_NULL, remedy=_TEXT_OR_NULL)
_SEEN = _object(name=_TEXT, verdict=_VERDICT, detail=_TEXT)
_STEP = _object(name=_TEXT, verdict=_VERDICT, seconds=_NUMBER, detail=_TEXT)
_EVENT = _object(
    kind={"enum": ["release", "promotion", "rollback", "hold", "unhold"]},
    at=_TEXT,
    environment=_TEXT_OR_NULL,
    release=_TEXT_OR_NULL,
    before=_TEXT_OR_NULL,
    actor=_TEXT_OR_NULL,
    approver=_TEXT_OR_NULL,
    reason=_TEXT_OR_NULL,
    record_digest=_TEXT_OR_NULL,
    run_url=_TEXT_OR_NULL,
    seconds=_NUMBER_OR_NULL,
)
_IMAGE = _object(reference=_TEXT, digest=_TEXT_OR_NULL)
_RELEASE = _object(
    id=_TEXT,
    service=_TEXT,
    model=_TEXT,
    model_version=_TEXT,
    image=_nullable(_IMAGE),
    commit=_TEXT_OR_NULL,
    data_digest=_TEXT_OR_NULL,
    record_digest=_TEXT,
    author=_TEXT,
    created_at=_TEXT,
)
_KIND = ["number", "timestamp", "duration", "time", "text", "boolean", "unsupported"]
_DRIFT = _object(
    column=_TEXT_OR_NULL,
    kind={"enum": [*_KIND, "classifier"]},
    verdict=_VERDICT,
    blocking=_FLAG,
    detail=_TEXT,
    rows=_COUNT,
    reference_rows=_COUNT,
    redacted=_FLAG,
    measure={"enum": ["psi", "ks-distance", "roc-auc", None]},
    effect=_NUMBER_OR_NULL,
    lower=_NUMBER_OR_NULL,
    upper=_NUMBER_OR_NULL,
    tolerated=_NUMBER_OR_NULL,
    psi=_NUMBER_OR_NULL,
    test={"enum": ["kolmogorov-smirnov", "chi-squared", "delong", None]},
    statistic=_NUMBER_OR_NULL,
    p_value=_NUMBER_OR_NULL,
    cramers_v=_NUMBER_OR_NULL,
    rows_needed=_COUNT_OR_NULL,
    reference_rows_needed=_COUNT_OR_NULL,
)
_PROFILE = _object(
    column=_TEXT_OR_NULL,
    kind={"enum": _KIND},
    labels=_list(_TEXT),
    edges=_nullable(_list({"type": ["number", "string"]})),
    current=_list(_COUNT),
    reference=_nullable(_list(_COUNT)),
    nulls=_COUNT,
    reference_nulls=_COUNT_OR_NULL,
    detail=_TEXT_OR_NULL,
)
_SCHEMA_CHANGE = _object(
    kind={"const": "schema"},
    column=_TEXT_OR_NULL,
    what=_TEXT,
    before=_TEXT_OR_NULL,
    after=_TEXT_OR_NULL,
    effect={"enum": ["breaking", "looser", "tighter", "changed"]},
    note=_TEXT_OR_NULL,
)
_DATA_CHANGE = _object(
    kind={"const": "data"},
    file=_TEXT,
    change={"enum": ["added", "removed", "changed"]},
    rows_before=_COUNT_OR_NULL,
    rows_after=_COUNT_OR_NULL,
    note=_TEXT_OR_NULL,
)
_DATASET = _object(
    name=_TEXT,
    path=_TEXT,
    schema=_TEXT,
    digest=_TEXT,
    verdict=_VERDICT,
    engine=_TEXT,
    files=_COUNT,
    rows=_COUNT,
    failing_rows=_COUNT,
    tolerated_rows=_COUNT,
    checks=_list(
        _object(
            column=_TEXT_OR_NULL,
            check=_TEXT,
            verdict=_VERDICT,
            failing_rows=_COUNT,
            share=_NUMBER,
            examples=_list(
                _object(
                    file=_TEXT, row=_COUNT_OR_NULL, value=_TEXT_OR_NULL, key=_nullable(_map(_TEXT))
                )
            ),
            engine=_TEXT,
            redacted=_FLAG,
            kind={"enum": ["schema", "rows", "freshness", "foreign-key", "categories"]},
            warns=_FLAG,
            detail=_TEXT_OR_NULL,
            engine_reason=_TEXT_OR_NULL,
        )
    ),
    drift=_list(_DRIFT),
    contract=_list({"oneOf": [_SCHEMA_CHANGE, _DATA_CHANGE]}),
    profile=_list(_PROFILE),
    redacted_columns=_list(_TEXT),
)
_BOUND_BASELINE: Mapping[str, Schema] = {
    "version": _TEXT_OR_NULL,
    "source": _TEXT,
    "predictions_digest": _TEXT_OR_NULL,
}
_BASELINE = _nullable(
    _object(**_BOUND_BASELINE)
    | {
        "properties": {
            **_BOUND_BASELINE,
            "registered_at": _TEXT_OR_NULL,
            # Of the version, by the ledger: its release, and the last environment that runs it.
            "release": _TEXT_OR_NULL,
            "environment": _TEXT_OR_NULL,
            "since": _TEXT_OR_NULL,
        }
    }
)
# scores: rows between each two edges. errors: also below the first edge, and from the last one on.
_HISTOGRAM = _object(edges=_list(_NUMBER), counts=_list(_COUNT))
_CURVE = _object(
    calibration=_nullable(
        _list(_object(lower=_NUMBER, upper=_NUMBER, rows=_COUNT, mean_score=_NUMBER, rate=_NUMBER))
    ),
    scores=_nullable(_HISTOGRAM),
    errors=_nullable(_HISTOGRAM),
)
_RESULT = _object(
    metric=_TEXT,
    slice=_nullable(_map(_TEXT_OR_NULL)),
    rows=_COUNT,
    candidate=_NUMBER,
    baseline=_NUMBER_OR_NULL,
    harm=_NUMBER_OR_NULL,
    lower=_NUMBER_OR_NULL,
    upper=_NUMBER_OR_NULL,
    max_regression=_NUMBER_OR_NULL,
    min=_NUMBER_OR_NULL,
    max=_NUMBER_OR_NULL,
    verdict=_VERDICT,
    blocking=_FLAG,
    rows_needed=_COUNT_OR_NULL,
    clusters_needed=_COUNT_OR_NULL,
    reason=_TEXT_OR_NULL,
)
_OVERRIDE = _nullable(
    _object(
        by=_TEXT,
        role={"enum": ["maintain", "admin"]},
        label=_TEXT,
        at=_TEXT,
        commit=_TEXT,
        run_url=_TEXT_OR_NULL,
    )
)
_RECORD = _object(
    schema_version={"const": 1},
    tool_version=_TEXT,
    service=_TEXT,
    model=_TEXT,
    verdict=_VERDICT,
    blocked=_FLAG,
    mode=_TEXT,
    commit=_TEXT_OR_NULL,
    created_at=_TEXT,
    data_digest=_TEXT_OR_NULL,
    evaluation_digest=_TEXT,
    config_digest=_TEXT,
    results_digest=_TEXT,
    measurements=_map(_NUMBER),
    candidate=_object(model_digest=_TEXT_OR_NULL, predictions_digest=_TEXT),
    baseline=_nullable(_object(**_BOUND_BASELINE)),
    digest=_TEXT,
)
_RECORD["properties"]["override"] = _OVERRIDE  # not in records of an earlier tidegate
_POLICY = _nullable(
    _object(
        source={"enum": ["base", "own"]},
        ref=_TEXT,
        commit=_TEXT,
        why=_TEXT_OR_NULL,
        override_label=_TEXT,
        changes=_list(
            _object(
                path=_TEXT,
                before=_TEXT_OR_NULL,
                after=_TEXT_OR_NULL,
                effect={"enum": ["looser", "tighter", "other"]},
                note=_TEXT_OR_NULL,
            )
        ),
    )
)
# What both gates say of who judges, and of who lets a blocked change through.
_JUDGES: Mapping[str, Schema] = {
    "policy": _POLICY,
    "override": _OVERRIDE,
    "override_refused": _TEXT_OR_NULL,
}
_ENVIRONMENT = _object(
    name=_TEXT,
    release=_TEXT_OR_NULL,
    since=_TEXT_OR_NULL,
    until=_TEXT_OR_NULL,
    event=_nullable(_EVENT),
    details=_nullable(_RELEASE),
    hold=_TEXT_OR_NULL,
    held_since=_TEXT_OR_NULL,
    moving=_TEXT_OR_NULL,
    drift=_list(_TEXT),
    looked_at=_FLAG,
    unseen=_TEXT_OR_NULL,
)
# A release in the trend of a metric; lower and upper are of the candidate's value.
_POINT = _object(
    release=_TEXT,
    at=_TEXT,
    candidate=_NUMBER,
    baseline=_NUMBER_OR_NULL,
    lower=_NUMBER_OR_NULL,
    upper=_NUMBER_OR_NULL,
    min=_NUMBER_OR_NULL,
    max=_NUMBER_OR_NULL,
    max_regression=_NUMBER_OR_NULL,
    verdict=_VERDICT,
)
_WAITING = _object(
    environment=_TEXT,
    title=_TEXT,
    workflow=_TEXT,
    actor=_TEXT_OR_NULL,
    since=_TEXT,
    run_url=_TEXT,
    reviewers=_list(_TEXT),
    wait_minutes=_COUNT,
)
_FIGURE = _object(name=_TEXT, value=_NUMBER, min=_NUMBER_OR_NULL, max=_NUMBER_OR_NULL)
_PART_VERDICT: Schema = {"enum": ["pass", "fail", "inconclusive", None]}
_STANDING: Mapping[str, Schema] = {
    "state": {"enum": ["passing", "suspected", "failing", "recovering", "unsure", "undecided"]},
    "since": _TEXT_OR_NULL,
    "last_pass": _TEXT_OR_NULL,
    "passes": _COUNT,
}
_RUNBOOK = _object(path=_TEXT, in_repository=_TEXT_OR_NULL, exists=_FLAG)
_PART = _object(
    part=_TEXT,
    kind={"enum": ["data", "labels", "objectives", "freshness", "cost"]},
    name=_TEXT,
    verdict=_PART_VERDICT,
    summary=_TEXT,
    changes=_list(_object(what=_TEXT, verdict=_VERDICT, detail=_TEXT)),
    figures=_list(_FIGURE),
    results=_list(_RESULT),
    notes=_list(_TEXT),
    error=_nullable(_ERROR),
    **_STANDING,
    brought_by=_nullable(_EVENT),
    runbook=_RUNBOOK,
)
_INCIDENT = _object(
    begun=_TEXT,
    since=_TEXT,
    parts=_list(_TEXT),
    failing=_list(_TEXT),
    ended=_TEXT_OR_NULL,
)
_ACTION = _object(
    kind={"enum": ["retrain", "roll-back"]},
    workflow={"type": ["string", "null"], "pattern": r"^[\w.-]+\.ya?ml$"},
    inputs=_map(_TEXT),
    why=_TEXT,
)
_COMMAND: Mapping[str, Schema] = {"command": _TEXT, "seconds": _NUMBER}
_MOVE: Mapping[str, Schema] = {
    "environment": _TEXT,
    "before": _TEXT_OR_NULL,
    "after": _TEXT_OR_NULL,
    "steps": _list(_STEP),
    "event": _nullable(_EVENT),
}

# Verb -> its own fields, beside those that every report has.
FIELDS: Mapping[str, Mapping[str, Schema]] = {
    "check-data": {
        "commit": _TEXT_OR_NULL,
        "data_digest": _TEXT_OR_NULL,
        "datasets": _list(_DATASET),
        **_JUDGES,
    },
    "pull-data": _COMMAND,
    "reproduce-pipeline": _COMMAND,
    "gate-model": {
        "commit": _TEXT_OR_NULL,
        "mode": {"enum": ["off", "warn", "enforce"]},
        "confidence": _NUMBER,
        "rows": _COUNT,
        "clusters": _COUNT_OR_NULL,
        "baseline": _BASELINE,
        "results": _list(_RESULT),
        "measurements": _map(_NUMBER),
        "budgets": _list(_BUDGET),
        "notes": _list(_TEXT),
        **_JUDGES,
        "record": _RECORD,
    },
    "verify-record": {
        "record": {"type": "object"},
        "differences": _list(_object(field=_TEXT, recorded={}, found={})),
    },
    "register-model": {
        "model": _TEXT,
        "version": _TEXT,
        "run_id": _TEXT,
        "alias": _TEXT,
        "record_digest": _TEXT,
        "release": _TEXT_OR_NULL,
        "scan": _object(pickles=_COUNT, imports=_list(_TEXT)),
        "override": _OVERRIDE,
    },
    "build-image": {
        "image": _object(
            repository=_TEXT,
            tag=_TEXT,
            id=_TEXT,
            digest=_TEXT_OR_NULL,
            reference=_TEXT,
            size_mb=_NUMBER,
            labels=_map(_TEXT),
            builder={"enum": ["classic", "buildkit", "buildx"]},
        ),
        "release": _RELEASE,
        "record": _RECORD,
    },
    "test-image": {
        "image": _nullable(_IMAGE),
        "release": _TEXT,
        "checks": _list(_SEEN),
        "latency": _map(_NUMBER),
        "memory_mb": _NUMBER,
        "load": _nullable(
            _object(
                requests=_COUNT,
                concurrency=_COUNT,
                rows=_COUNT,
                seconds=_NUMBER,
                throughput_rps=_NUMBER,
                p50_ms=_NUMBER,
                p95_ms=_NUMBER,
                p99_ms=_NUMBER,
                memory_mb=_NUMBER,
            )
        ),
        "budgets": _list(_BUDGET),
        "notes": _list(_TEXT),
    },
    "promote": _MOVE,
    "rollback": _MOVE,
    "hold": _MOVE,
    "status": {
        "environments": _list(_ENVIRONMENT),
        "ledger": _list(_EVENT),
        "at": _TEXT_OR_NULL,
        "notes": _list(_TEXT),
    },
    "board": {
        "made_at": _TEXT,
        "environments": _list(_ENVIRONMENT),
        "ledger": _list(_EVENT),
        "releases": _COUNT,
        "trend": _object(
            releases=_list(_TEXT),
            metrics=_list(_object(metric=_TEXT, points=_list(_POINT))),
            unreadable=_list(_object(release=_TEXT, reason=_TEXT)),
        ),
        "approvals": _object(
            asked=_FLAG,
            reason=_TEXT_OR_NULL,
            waiting=_list(_WAITING),
            runs_left_out=_COUNT,
        ),
    },
    "card": {"path": _TEXT, "record_digest": _TEXT, "body": _TEXT},
    "watch": {
        "commit": _TEXT_OR_NULL,
        "at": _TEXT,
        "environment": _TEXT_OR_NULL,
        "release": _TEXT_OR_NULL,
        "since": _TEXT_OR_NULL,
        "parts": _list(_PART),
        "rule": _object(fails=_COUNT, runs=_COUNT, passes=_COUNT),
        "incident": _nullable(_INCIDENT),
        "action": _nullable(_ACTION),
        "recorded": _FLAG,
        "run_url": _TEXT_OR_NULL,
    },
    "incident": {
        "did": {"enum": ["opened", "updated", "closed", "left", "nothing", "started"]},
        "detail": _TEXT,
        "url": _TEXT_OR_NULL,
        "act": {"enum": ["retrain", "roll-back", None]},
        "body": _TEXT,
    },
    "comment": {
        "headline": _TEXT,
        "path": _TEXT,
        "url": _TEXT_OR_NULL,
        "posted": _FLAG,
        "body": _TEXT,
    },
    "pr": {"headline": _TEXT, "reports": _map({"type": "object"}), "body": _TEXT},
    "doctor": {
        "checks": _list(
            _object(
                name=_TEXT,
                verdict={"enum": ["pass", "fail", "note", "unseen"]},
                detail=_TEXT,
                remedy=_TEXT_OR_NULL,
            )
        ),
        "changes": _list(_object(what=_TEXT, made=_FLAG)),
    },
}

# Verb -> fields that were added to it, which the reports of earlier versions lack.
ADDED: Mapping[str, Mapping[str, Schema]] = {
    "board": {
        "watch": _nullable(
            _object(
                runs=_COUNT,
                at=_TEXT_OR_NULL,
                parts=_list(_object(part=_TEXT, verdict=_PART_VERDICT, **_STANDING)),
                figures=_list(
                    _object(
                        name=_TEXT,
                        min=_NUMBER_OR_NULL,
                        max=_NUMBER_OR_NULL,
                        points=_list(_object(at=_TEXT, release=_TEXT_OR_NULL, value=_NUMBER)),
                    )
                ),
                incidents=_list(_INCIDENT),
            )
        )
    },
    "check-data": {"runbook": _nullable(_RUNBOOK)},
    "gate-model": {
        "curves": _nullable(_object(candidate=_CURVE, baseline=_nullable(_CURVE))),
        "runbook": _nullable(_RUNBOOK),
    },
}


def report_schema(verb: str) -> Schema:
    """The schema of one verb's report.

    A report with an error, a verb that came to no verdict, has none of the verb's own fields.
    """
    own = FIELDS[verb]
    common = {
        "schema_version": {"const": 1},
        "verb": {"const": verb},
        "verdict": {"enum": ["pass", "fail", "inconclusive", None]},
        "blocked": _FLAG,
        "error": _nullable(_ERROR),
        "service": _TEXT_OR_NULL,
    }
    added = {"seconds": {**_NUMBER, "minimum": 0}, **ADDED.get(verb, {})}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Report of tidegate {verb}",
        "type": "object",
        "required": [*common],
        "properties": {**common, **added, **own},
        "if": {"properties": {"error": {"type": "null"}}},
        "then": {"required": [*own]},
    }
