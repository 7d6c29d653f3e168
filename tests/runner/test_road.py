"""The demo's road, asserted: the service's own workflow files under act, nothing staged.

One test, because each part stands on the one before. It takes minutes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import scenarios
from demo.road import APPROVER, AUTHOR, Outcome, Road, docker_answers
from local_github.api import LocalGitHub
from ports import free_port
from tidegate.gate import record as records

pytestmark = [
    pytest.mark.road,
    # Docker's client leaves its socket open when no engine answers.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    ports = {"staging": free_port(), "production": free_port()}
    with LocalGitHub() as github:
        road = Road(tmp_path, docker_answers(), github, lambda _: None, ports)
        try:
            yield road
        finally:
            road.stop()
            shutil.rmtree(tmp_path / "runner", ignore_errors=True)


def report(outcome: Outcome, verb: str, artifact: str = "tidegate-reports") -> dict[str, object]:
    text = (outcome.run.artifacts / artifact / f"{verb}.json").read_text()
    loaded = json.loads(text)
    assert isinstance(loaded, dict)
    return loaded


def log(outcome: Outcome) -> str:
    return "\n".join(outcome.run.log[-60:])


def test_road__five_outcomes_from_first_release_to_roll_back(road: Road) -> None:
    road.make_service()

    # 1. The first release has no baseline: absolute bounds only, and the record says so.
    first = road.release("first")
    assert first.verdict == "pass", log(first)
    gate = report(first, "gate-model", "tidegate-reports-model")
    record = gate["record"]
    assert isinstance(record, dict)
    assert record["baseline"] is None
    assert records.is_intact(record)
    v1 = first.run.output("release") or ""
    promoted = road.promote("first", v1, APPROVER, "the first one")
    assert promoted.verdict == "pass", log(promoted)

    # 2. More data passes, compared with what production runs, and says so in a comment.
    more = road.pull_request(2, "more-months", "April to June", scenarios.good_months)
    assert more.verdict == "pass", log(more)
    assert "Ready to merge" in more.detail
    assert "production v1" in (more.comment or "")
    judged = report(more, "gate-model")
    assert judged["policy"]["source"] == "base"  # type: ignore[index]
    assert judged["record"]["data_digest"] == report(more, "check-data")["data_digest"]  # type: ignore[index]

    # 3. Bad data is blocked before anything is trained, with every fault named.
    bad = road.pull_request(3, "bad-months", "new export", scenarios.bad_months)
    assert bad.verdict == "blocked"
    assert "the data breaks 4 rules" in bad.detail
    # Each step of the job that runs the pull request's code, and the gate's own word.
    ran = {step.name: step.result for (job, _), step in bad.run.steps.items() if job == "pipeline"}
    assert "failure" in ran.values()
    assert not any("reproduce-pipeline" in name for name in ran), ran
    assert not (bad.run.artifacts / "tidegate-outputs").exists()
    assert bad.run.jobs["gate"] == "failure"
    (dataset,) = report(bad, "check-data")["datasets"]  # type: ignore[misc]
    failing = {check["column"]: check for check in dataset["checks"] if check["failing_rows"]}
    assert set(failing) == {"carrier", "distance", "dest", "sched_dep_time"}
    assert failing["carrier"]["failing_rows"] == 4
    assert failing["carrier"]["examples"][0] == {
        "file": "2013-04.parquet", "row": 7, "value": "ZZ", "key": None,
    }  # fmt: skip
    assert failing["distance"]["failing_rows"] == 7
    assert {example["file"] for example in failing["dest"]["examples"]} == {"2013-05.parquet"}
    for told in ("carrier", "distance", "2013-05.parquet", "2013-06.parquet", "28,128"):
        assert told in (bad.comment or "")

    # 4. As good as before overall, clearly worse for one carrier: blocked, and the carrier named.
    worse = road.pull_request(4, "new-feed", "new feed", scenarios.one_carrier_flipped)
    assert worse.verdict == "blocked"
    assert scenarios.FLIPPED_CARRIER in worse.detail
    results = report(worse, "gate-model")["results"]
    assert isinstance(results, list)
    overall = [result["verdict"] for result in results if result["slice"] is None]
    assert set(overall) == {"pass"}
    blocking = [result["slice"] for result in results if result["verdict"] == "fail"]
    assert blocking == [{"carrier": scenarios.FLIPPED_CARRIER}]

    # 5. The release of 2: not approved by its author, approved by another; then back to 1.
    road.merge("more-months")
    second = road.release("second")
    assert second.verdict == "pass", log(second)
    v2 = second.run.output("release") or ""
    refused = road.promote("second", v2, AUTHOR, "it is fine")
    assert refused.verdict == "blocked"
    assert f"{AUTHOR} made this change" in refused.detail
    promoted = road.promote("second", v2, APPROVER, "more months")
    assert promoted.verdict == "pass", log(promoted)
    back = road.roll_back("back", APPROVER, "only to see it work")
    assert back.verdict == "pass", log(back)

    state = json.loads(road.tidegate("status", "--json").stdout)
    assert {e["name"]: (e["release"], e["drift"]) for e in state["environments"]} == {
        "staging": (v2, []),
        "production": (v1, []),
    }
    told = [(e["kind"], e["environment"], e["release"], e["approver"]) for e in state["ledger"]]
    assert told == [
        ("release", None, v1, None),
        ("promotion", "staging", v1, None),
        ("promotion", "production", v1, APPROVER),
        ("release", None, v2, None),
        ("promotion", "staging", v2, None),
        ("promotion", "production", v2, APPROVER),
        ("rollback", "production", v1, APPROVER),
    ]
