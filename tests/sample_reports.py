"""Reports as the gates write them, for the tests of what is made of them."""

from __future__ import annotations

from typing import Any

from tidegate.verdict import Verdict, worst

COMMIT = "3f2a1bc9d04e5f60718293a4b5c6d7e8f9012345"
NO_BASE = {"policy": None, "override": None, "override_refused": None}


def data_report(*datasets: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """check-data's report; by default of one dataset that keeps its contract."""
    chosen = list(datasets) or [dataset()]
    verdict = worst(Verdict(item["verdict"]) for item in chosen)
    return {
        "schema_version": 1,
        "verb": "check-data",
        "verdict": str(verdict),
        "blocked": verdict is not Verdict.PASS,
        "error": None,
        "service": "flight-delay",
        "commit": COMMIT,
        "data_digest": "sha256:" + "4d" * 32,
        "seconds": 1.2,
        "datasets": chosen,
        **NO_BASE,
        **fields,
    }


def dataset(*checks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    failing = max((item["failing_rows"] for item in checks), default=0)
    return {
        "name": "flights",
        "path": "data/flights/*.parquet",
        "schema": "src/flight_delay/schemas.py:Flights",
        "digest": "sha256:" + "5e" * 32,
        "verdict": "fail" if failing else "pass",
        "engine": "pandera",
        "files": 5,
        "rows": 133_201,
        "failing_rows": failing,
        "tolerated_rows": 0,
        "checks": list(checks) or [check(failing_rows=0, examples=[])],
        "drift": [],
        "contract": [],
        "profile": [],
        "redacted_columns": [],
        **fields,
    }


def check(**fields: Any) -> dict[str, Any]:
    failing = fields.get("failing_rows", 412)
    return {
        "column": "carrier",
        "check": "isin(['9E', 'AA', 'AS', 'B6', 'DL'])",
        "verdict": "fail" if failing else "pass",
        "failing_rows": failing,
        "share": failing / 133_201,
        "examples": [
            example(row=17, value="ZZ"),
            example(row=91, value="ZZ"),
        ],
        "engine": "pandera",
        "redacted": False,
        "kind": "schema",
        "warns": False,
        "detail": None,
        "engine_reason": None,
        **fields,
    }


def example(**fields: Any) -> dict[str, Any]:
    """A row that breaks a rule; row None for a column that does as a whole."""
    return {"file": "2013-05.parquet", "row": None, "value": None, "key": None, **fields}


def drift(**fields: Any) -> dict[str, Any]:
    """A column against the reference; by default one that has drifted, which is a warning."""
    return {
        "column": "dep_delay",
        "kind": "number",
        "verdict": "fail",
        "blocking": False,
        "detail": "drift: PSI 0.313 (at least 0.271 with 99 % confidence, tolerated 0.2); "
        "median -2 → 4",
        "rows": 133_201,
        "reference_rows": 120_017,
        "redacted": False,
        "measure": "psi",
        "effect": 0.3127,
        "lower": 0.2711,
        "upper": 0.3542,
        "tolerated": 0.2,
        "psi": 0.3127,
        "test": "kolmogorov-smirnov",
        "statistic": 0.142,
        "p_value": 1.2e-9,
        "cramers_v": None,
        "rows_needed": None,
        "reference_rows_needed": None,
        **fields,
    }


def no_drift(column: str, **fields: Any) -> dict[str, Any]:
    return drift(
        **{
            "column": column,
            "verdict": "pass",
            "detail": "no drift: PSI 0.012 (at most 0.02 with 99 % confidence, tolerated 0.2)",
            "effect": 0.012,
            "psi": 0.012,
            "p_value": 0.31,
            **fields,
        }
    )


def profile(**fields: Any) -> dict[str, Any]:
    """A histogram of numbers, now and in the reference."""
    return {
        "column": "dep_delay",
        "kind": "number",
        "labels": ["below -10", "-10 to 0", "0 to 10", "10 to 20", "20 to 30", "30 and above"],
        "edges": [-10.0, 0.0, 10.0, 20.0, 30.0],
        "current": [9_120, 41_300, 45_020, 20_310, 10_200, 4_251],
        "reference": [12_010, 61_400, 28_200, 9_807, 5_000, 2_600],
        "nulls": 3_000,
        "reference_nulls": 1_000,
        "detail": None,
        **fields,
    }


def schema_change(**fields: Any) -> dict[str, Any]:
    return {
        "kind": "schema",
        "column": "carrier",
        "what": "isin",
        "before": "'9E', 'AA', 'AS', 'B6', 'DL', 'EV'",
        "after": "'9E', 'AA', 'AS', 'B6', 'DL'",
        "effect": "tighter",
        "note": None,
        **fields,
    }


def data_change(**fields: Any) -> dict[str, Any]:
    return {
        "kind": "data",
        "file": "data/flights/2013-05.parquet",
        "change": "changed",
        "rows_before": 28_000,
        "rows_after": 28_796,
        "note": None,
        **fields,
    }


def full_data_report(text: str = "a name", **fields: Any) -> dict[str, Any]:
    """A report with something in every part of the page; every text in it is `text`."""
    sample = example(file=text, row=3, value=text, key={text: text})
    rules = [
        check(column=text, check=text, detail=text, examples=[sample] * 2),
        check(column=text, check=f"isin(['{text}'])", examples=[{**sample, "key": None}]),
        check(column=None, check=text, kind="rows", failing_rows=0, verdict="fail", examples=[]),
        check(column=f"{text} 4", check=text, redacted=True, examples=[sample]),
        check(column=text, check=text, failing_rows=0, verdict="inconclusive", examples=[]),
        check(column=text, check=text, kind="categories", warns=True, verdict="pass", detail=text),
        check(column=text, check=text, failing_rows=0, examples=[]),
    ]
    parts = {
        "name": text,
        "path": text,
        "schema": text,
        "engine": text,
        "verdict": "fail",
        "drift": [
            drift(column=f"{text} 2", detail=text),
            drift(column=None, detail=text, verdict="inconclusive"),
            no_drift(f"{text} 3", detail=text),
        ],
        "contract": [
            schema_change(column=text, what=text, before=text, after=text, note=text),
            schema_change(column=None, what=text, before=None, after=text, effect="breaking"),
            data_change(file=text, note=text),
        ],
        "profile": [
            profile(column=f"{text} 2", labels=[text] * 6, detail=text),
            profile(column=f"{text} 3", labels=[text] * 6, edges=None, reference=None),
            profile(column=None, labels=[], edges=None, current=[], reference=None, detail=text),
        ],
    }
    tolerant = dataset(check(column=text, check=text), verdict="pass", tolerated_rows=500)
    return data_report(
        dataset(*rules, **parts), tolerant, **{"service": text, "commit": text, **fields}
    )


def gate_report(*results: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """gate-model's report; by default of a model as good as version 3 in production."""
    chosen = list(results) or [result(), log_loss(), slice_result()]
    deciding = [item["verdict"] for item in chosen if item["blocking"]]
    deciding += [budget["verdict"] for budget in fields.get("budgets", ())]
    verdict = next((word for word in ("fail", "inconclusive") if word in deciding), "pass")
    mode = fields.get("mode", "enforce")
    blocked = verdict != "pass" and mode == "enforce"
    baseline = fields.get(
        "baseline",
        {
            "version": "3",
            "source": "logged",
            "predictions_digest": "sha256:" + "6f" * 32,
            "registered_at": "2026-11-20T09:12:00+00:00",
            "release": "v3-0a1b2c3",
            "environment": "production",
            "since": "2026-11-21T14:30:00.000+00:00",
        },
    )
    bound = ("version", "source", "predictions_digest")
    return {
        "schema_version": 1,
        "verb": "gate-model",
        "verdict": verdict,
        "blocked": blocked,
        "error": None,
        "service": "flight-delay",
        "commit": COMMIT,
        "mode": mode,
        "confidence": 0.95,
        "rows": 27_004,
        "clusters": 30,
        "baseline": baseline,
        "results": chosen,
        "measurements": {},
        "budgets": [],
        "notes": [],
        "curves": None,
        "seconds": 0.9,
        **NO_BASE,
        "record": {
            "schema_version": 1,
            "tool_version": "0.1.0",
            "service": "flight-delay",
            "model": "flight-delay",
            "verdict": verdict,
            "blocked": blocked,
            "mode": mode,
            "commit": COMMIT,
            "created_at": "2026-11-24T14:00:00+00:00",
            "data_digest": "sha256:" + "4d" * 32,
            "evaluation_digest": "sha256:" + "7a" * 32,
            "config_digest": "sha256:" + "8b" * 32,
            "results_digest": "sha256:" + "2d" * 32,
            "measurements": {},
            "candidate": {
                "model_digest": "sha256:" + "9c" * 32,
                "predictions_digest": "sha256:" + "ad" * 32,
            },
            "baseline": baseline and {name: baseline[name] for name in bound},
            "digest": "sha256:" + "be" * 32,
        },
        **fields,
    }


def policy(*changes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Whose bar judged; by default that of the base branch, which this change would lower."""
    return {
        "ref": "origin/main",
        "source": "base",
        "commit": "77aa" * 10,
        "why": None,
        "changes": list(changes) or [policy_change()],
        **fields,
    }


def policy_change(**fields: Any) -> dict[str, Any]:
    return {
        "path": "gate.metrics.roc-auc.min",
        "before": "0.68",
        "after": "0.6",
        "effect": "looser",
        "note": None,
        **fields,
    }


def override(**fields: Any) -> dict[str, Any]:
    return {
        "by": "lee",
        "role": "maintain",
        "label": "tidegate-override",
        "at": "2026-11-24T18:02:00+00:00",
        "commit": COMMIT,
        "run_url": "https://github.com/acme/flights/actions/runs/41",
        **fields,
    }


def runbook(name: str) -> dict[str, Any]:
    path = f"docs/runbooks/{name}.md"
    return {"path": path, "in_repository": path, "exists": True}


def curve(**fields: Any) -> dict[str, Any]:
    """Of scores in five bins."""
    rows = [2_000, 9_000, 8_000, 5_000, 3_004]
    return {
        "calibration": [
            {
                "lower": n / 5,
                "upper": (n + 1) / 5,
                "rows": count,
                "mean_score": n / 5 + 0.1,
                "rate": n / 5 + 0.08,
            }
            for n, count in enumerate(rows)
        ],
        "scores": {"edges": [0.0, 0.2, 0.4, 0.6, 0.8, 1.0], "counts": rows},
        "errors": None,
        **fields,
    }


def result(**fields: Any) -> dict[str, Any]:
    return {
        "metric": "roc-auc",
        "slice": None,
        "rows": 27_004,
        "candidate": 0.74213,
        "baseline": 0.73984,
        "harm": -0.00229,
        "lower": -0.00512,
        "upper": 0.00054,
        "max_regression": 0.005,
        "min": 0.68,
        "max": None,
        "verdict": "pass",
        "blocking": True,
        "rows_needed": None,
        "clusters_needed": None,
        "reason": "better by 0.00229 (harm between -0.00512 and 0.00054), tolerated 0.005",
        **fields,
    }


def log_loss(**fields: Any) -> dict[str, Any]:
    return result(
        metric="log-loss",
        candidate=0.49871,
        baseline=0.49902,
        harm=-0.00031,
        lower=-0.00104,
        upper=0.00042,
        max_regression=0.01,
        min=None,
        reason="better by 0.00031 (harm between -0.00104 and 0.00042), tolerated 0.01",
        **fields,
    )


def slice_result(carrier: str = "DL", **fields: Any) -> dict[str, Any]:
    return result(
        **{
            "slice": {"carrier": carrier},
            "rows": 4_120,
            "candidate": 0.7310,
            "baseline": 0.7295,
            "harm": -0.0015,
            "lower": -0.0061,
            "upper": 0.0031,
            "max_regression": 0.02,
            "min": None,
            "reason": "better by 0.0015 (harm between -0.0061 and 0.0031), tolerated 0.02",
            **fields,
        }
    )


def worse_slice(carrier: str = "B6", **fields: Any) -> dict[str, Any]:
    """A slice whose harm is surely beyond what is tolerated."""
    return slice_result(
        carrier,
        **{
            "rows": 3_981,
            "candidate": 0.6894,
            "baseline": 0.7423,
            "harm": 0.0529,
            "lower": 0.0312,
            "upper": 0.0746,
            "verdict": "fail",
            "reason": "worse by 0.0529 (harm between 0.0312 and 0.0746), tolerated 0.02",
            **fields,
        },
    )


def budget(**fields: Any) -> dict[str, Any]:
    """A budget's result; by default of an absolute one that is kept."""
    return {
        "name": "train-minutes",
        "value": 2.4,
        "max": 20.0,
        "verdict": "pass",
        "blocking": True,
        "champion": None,
        "max_increase": None,
        "limit": fields.get("max", 20.0),
        "min": None,
        **fields,
    }


def command_report(verb: str, **fields: Any) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "verb": verb,
        "verdict": "pass",
        "blocked": False,
        "error": None,
        "service": "flight-delay",
        "command": "uv run --locked dvc repro",
        "seconds": 61.2,
        **fields,
    }


def event(**fields: Any) -> dict[str, Any]:
    """A line of the ledger; by default a promotion to production."""
    return {
        "kind": "promotion",
        "at": "2026-11-24T14:00:00.000+00:00",
        "environment": "production",
        "release": "v3-0a1b2c3",
        "before": "v2-9f8e7d6",
        "actor": "mona",
        "approver": "lee",
        "reason": "a better model",
        "record_digest": "sha256:" + "be" * 32,
        "run_url": "https://github.com/acme/flight-delay/actions/runs/9",
        "seconds": 12.5,
        **fields,
    }


def release(**fields: Any) -> dict[str, Any]:
    return {
        "id": "v3-0a1b2c3",
        "service": "flight-delay",
        "model": "flight-delay",
        "model_version": "3",
        "image": {"reference": "sha256:" + "12" * 32, "digest": None},
        "commit": COMMIT,
        "data_digest": "sha256:" + "4d" * 32,
        "record_digest": "sha256:" + "be" * 32,
        "author": "mona",
        "created_at": "2026-11-24T13:00:00+00:00",
        **fields,
    }


def environment(**fields: Any) -> dict[str, Any]:
    """An environment in `status`; by default production, as it should be."""
    return {
        "name": "production",
        "release": "v3-0a1b2c3",
        "since": "2026-11-24T14:00:00.000+00:00",
        "until": None,
        "event": event(),
        "details": release(),
        "hold": None,
        "held_since": None,
        "moving": None,
        "drift": [],
        "looked_at": True,
        "unseen": None,
        **fields,
    }


def point(**fields: Any) -> dict[str, Any]:
    """A release in the trend of a metric."""
    return {
        "release": "v3-0a1b2c3",
        "at": "2026-11-24T13:00:00+00:00",
        "candidate": 0.742,
        "baseline": 0.7398,
        "lower": None,
        "upper": None,
        "min": 0.68,
        "max": None,
        "max_regression": 0.005,
        "verdict": "pass",
        **fields,
    }


def waiting(**fields: Any) -> dict[str, Any]:
    return {
        "environment": "production-approval",
        "title": "Promote v4 to production",
        "workflow": "promote",
        "actor": "mona",
        "since": "2026-11-26T09:12:00Z",
        "run_url": "https://github.com/acme/flight-delay/actions/runs/12",
        "reviewers": ["lee", "release-managers"],
        "wait_minutes": 0,
        **fields,
    }


def board_report(**fields: Any) -> dict[str, Any]:
    """board's report; by default of one release that runs on production, and one before it."""
    ids = ["v2-9f8e7d6", "v3-0a1b2c3"]
    log_loss = {"min": None, "max": 0.6, "max_regression": None, "baseline": None}
    return {
        "schema_version": 1,
        "verb": "board",
        "verdict": "pass",
        "blocked": False,
        "error": None,
        "service": "flight-delay",
        "made_at": "2026-11-26T10:00:00.000+00:00",
        "environments": [environment()],
        "ledger": [
            event(kind="release", environment=None, before=None, approver=None, reason=None),
            event(),
        ],
        "releases": 2,
        "trend": {
            "releases": ids,
            "metrics": [
                {"metric": "roc-auc", "points": [point(release=ids[0]), point()]},
                {
                    "metric": "log-loss",
                    "points": [
                        point(candidate=0.5, lower=0.48, upper=0.52, **log_loss),
                        point(candidate=0.49, lower=0.47, upper=0.51, **log_loss),
                    ],
                },
            ],
            "unreadable": [],
        },
        "approvals": {"asked": True, "reason": None, "waiting": [waiting()], "runs_left_out": 0},
        "watch": None,
        **fields,
    }


def chronicle(**fields: Any) -> dict[str, Any]:
    """The history of watches on the board; by default of a service that is well."""
    days = [f"2026-11-{day}T06:00:00.000+00:00" for day in (24, 25, 26)]
    return {
        "runs": 3,
        "at": days[-1],
        "parts": [
            {
                "part": "objectives.errors",
                "verdict": "pass",
                "state": "passing",
                "since": None,
                "last_pass": days[-1],
                "passes": 3,
            },
        ],
        "figures": [
            {
                "name": "objectives.errors/errors",
                "min": None,
                "max": 0.01,
                "points": [
                    {"at": day, "release": "v3-0a1b2c3", "value": 0.001 * n}
                    for n, day in enumerate(days)
                ],
            },
        ],
        "incidents": [],
        **fields,
    }


def full_chronicle(text: str) -> dict[str, Any]:
    known = chronicle()
    states = ("failing", "suspected", "recovering", "unsure", "undecided", "passing")
    parts = [{**known["parts"][0], "part": text, "state": state} for state in states]
    over = incident(parts=[text, text], ended="2026-11-26T06:00:00.000+00:00")
    return chronicle(
        parts=parts,
        figures=[{**known["figures"][0], "name": text}] * 40,
        incidents=[incident(parts=[text], failing=[text]), *[over] * 20],
    )


def full_board_report(text: str = "a name", **fields: Any) -> dict[str, Any]:
    """A board with something in every part of it; every text in it is `text`."""
    who = {"actor": text, "approver": text, "reason": text}
    said = event(environment=text, release=text, before=text, **who)
    details = release(
        **dict.fromkeys(("id", "service", "model", "model_version", "commit", "author"), text),
        image={"reference": text, "digest": text},
    )
    known = {"name": text, "release": text, "event": said, "details": details}
    metrics = [{"metric": text, "points": [point(release=text), point(release=text)]}]
    metrics += [{"metric": f"{text} 2", "points": [point(release=text, lower=0.7, upper=0.8)]}]
    kinds = ("release", "promotion", "rollback", "hold", "unhold")
    run = waiting(environment=text, title=text, workflow=text, actor=text, reviewers=[text] * 2)
    return board_report(
        **{
            "verdict": "fail",
            "service": text,
            "environments": [
                environment(
                    **known, drift=[text] * 2, hold=text, held_since=said["at"], moving=text
                ),
                environment(**known, looked_at=False, unseen=text),
                environment(name=text, release=None, since=None, event=None, details=None),
            ],
            "ledger": [{**said, "kind": kind} for kind in kinds * 4],
            "releases": 300,
            "trend": {
                "releases": [text, f"{text} 3"],
                "metrics": metrics,
                "unreadable": [{"release": text, "reason": text}],
            },
            "approvals": {"asked": True, "reason": None, "waiting": [run], "runs_left_out": 3},
            "watch": full_chronicle(text),
            **fields,
        }
    )


def watched_part(**fields: Any) -> dict[str, Any]:
    """A part in `watch`; by default one that is well."""
    return {
        "part": "data.recent",
        "kind": "data",
        "name": "recent",
        "verdict": "pass",
        "summary": "600 rows, 0 of them against the schema",
        "changes": [],
        "figures": [{"name": "failing-rows", "value": 0.0, "min": None, "max": None}],
        "results": [],
        "notes": [],
        "error": None,
        "state": "passing",
        "since": None,
        "last_pass": "2026-11-25T06:00:00.000+00:00",
        "passes": 4,
        "brought_by": None,
        "runbook": {
            "path": "docs/runbooks/drift.md",
            "in_repository": "services/flights/docs/runbooks/drift.md",
            "exists": True,
        },
        **fields,
    }


def failing_part(**fields: Any) -> dict[str, Any]:
    """A part that fails: the quality of one slice, brought by a release."""
    harm = {"harm": 0.21, "lower": 0.16, "upper": 0.26, "max_regression": 0.1, "verdict": "fail"}
    worse = result(slice={"carrier": "B6"}, metric="log-loss", **harm)
    return watched_part(
        **{
            "part": "labels.arrived",
            "kind": "labels",
            "name": "arrived",
            "verdict": "fail",
            "summary": "12,568 rows with labels",
            "changes": [{"what": "log-loss for carrier=B6", "verdict": "fail", "detail": "worse"}],
            "results": [worse],
            "state": "failing",
            "since": "2026-11-25T06:00:00.000+00:00",
            "last_pass": "2026-11-24T06:00:00.000+00:00",
            "passes": 0,
            "brought_by": event(),
            "runbook": {
                "path": "docs/runbooks/incident.md", "in_repository": None, "exists": False,
            },
            **fields,
        }
    )  # fmt: skip


def watch_report(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """watch's report; by default of a service that is well."""
    return {
        "schema_version": 1,
        "verb": "watch",
        "verdict": "pass",
        "blocked": False,
        "error": None,
        "service": "flight-delay",
        "commit": COMMIT,
        "at": "2026-11-26T06:00:00.000+00:00",
        "environment": "production",
        "release": "v3-0a1b2c3",
        "since": "2026-11-24T14:00:00.000+00:00",
        "parts": list(parts) or [watched_part()],
        "rule": {"fails": 2, "runs": 3, "passes": 3},
        "incident": None,
        "action": None,
        "recorded": True,
        "run_url": "https://github.com/acme/flight-delay/actions/runs/7",
        **fields,
    }


def incident(**fields: Any) -> dict[str, Any]:
    """An incident in `watch` that goes on, of the quality of arrived labels."""
    return {
        "begun": "2026-11-26T06:00:00.000+00:00",
        "since": "2026-11-25T06:00:00.000+00:00",
        "parts": ["labels.arrived"],
        "failing": ["labels.arrived"],
        "ended": None,
        **fields,
    }


def failing_watch(**fields: Any) -> dict[str, Any]:
    """watch's report of a service with an incident."""
    return watch_report(
        watched_part(),
        failing_part(),
        **{"verdict": "fail", "blocked": True, "incident": incident(), **fields},
    )


def full_watch_report(text: str = "a name", **fields: Any) -> dict[str, Any]:
    """A watch with something in every part of it; every text in it is `text`."""
    error = dict.fromkeys(("what", "where", "remedy"), text)
    said = event(environment=text, release=text, actor=text)
    known = {
        "part": text,
        "name": text,
        "summary": text,
        "changes": [{"what": text, "verdict": v, "detail": text} for v in ("fail", "inconclusive")],
        "figures": [{"name": text, "value": 0.5, "min": 0.1, "max": 0.9}],
        "notes": [text],
        "since": "2026-11-25T06:00:00.000+00:00",
        "runbook": {"path": text, "in_repository": text, "exists": True},
    }
    bad = result(slice={text: text}, metric=text, verdict="fail", reason=text)
    return failing_watch(
        **{
            "service": text,
            "environment": text,
            "release": text,
            "parts": [
                failing_part(**known, results=[bad], brought_by=said),
                watched_part(**known, state="suspected", verdict="fail"),
                watched_part(**known, state="recovering"),
                watched_part(**known, state="unsure", verdict="inconclusive"),
                watched_part(**known, state="undecided", verdict=None, error=error),
                watched_part(**known),
            ],
            "incident": incident(parts=[text, "x"], failing=[text]),
            "action": {
                "kind": "roll-back",
                "workflow": "x.yml",
                "inputs": {text: text},
                "why": text,
            },
            **fields,
        }
    )


def undecided(verb: str, **error: str | None) -> dict[str, Any]:
    """A report of a verb that came to no verdict."""
    return {
        "schema_version": 1,
        "verb": verb,
        "verdict": None,
        "blocked": True,
        "error": {
            "what": "the registry does not answer",
            "where": "https://mlflow.example",
            "remedy": "see that the server runs",
            **error,
        },
    }
