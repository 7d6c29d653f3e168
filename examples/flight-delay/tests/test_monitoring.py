"""Alerts and the dashboard: every query is one, and asks for what the service really has."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest
import yaml
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from sample import REQUEST

ROOT = Path(__file__).parents[1]
MONITORING = ROOT / "deploy/monitoring"
# What Prometheus itself adds: a label to each series, and a series to each target.
TARGET_LABELS, TARGET_SERIES = {"job", "instance"}, {"up": set[str]()}


def rules() -> list[dict[str, str]]:
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> Iterator[tuple[str, str]]:
    """(where, query) of each."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for file in sorted(MONITORING.glob("grafana/dashboards/*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                # What Grafana puts there.
                query = target["expr"].replace("$__rate_interval", "5m").replace("$job", "x")
                yield f"{panel['title']} {target['refId']}", query


def selectors(query: str) -> list[promql_parser.VectorSelector]:
    found: list[promql_parser.VectorSelector] = []
    promql_parser.walk(
        promql_parser.parse(query),
        lambda node: found.append(node) if isinstance(node, promql_parser.VectorSelector) else None,
    )
    return found


@pytest.fixture(scope="session")
def exported(client: TestClient) -> dict[str, set[str]]:
    """Series -> its labels, of the running service once it was asked for something."""
    client.post("/invocations", json={"dataframe_records": [REQUEST]})
    client.post("/batch", content=b"", headers={"content-type": "application/x-ndjson"})
    names: dict[str, set[str]] = {**TARGET_SERIES}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            names.setdefault(sample.name, set()).update(sample.labels)
    return names


@pytest.mark.parametrize(("where", "query"), [*queries()], ids=[where for where, _ in queries()])
def test_query__asks_for_series_and_labels_that_the_service_has(
    exported: dict[str, set[str]], where: str, query: str
) -> None:
    asked = selectors(query)
    assert asked
    for selector in asked:
        assert selector.name in exported, f"{where}: no {selector.name}"
        labels = {matcher.name for matcher in selector.matchers.matchers}
        assert labels <= exported[selector.name] | TARGET_LABELS, f"{where}: {labels}"


@pytest.mark.parametrize("query", ["sum(", "no_such_metric", 'model_info{colour="red"}'])
def test_query__what_is_none_is_found(exported: dict[str, set[str]], query: str) -> None:
    with pytest.raises((ValueError, AssertionError)):
        test_query__asks_for_series_and_labels_that_the_service_has(exported, "here", query)


def test_queries__routes_that_they_name_are_there(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    named = [one for _, query in queries() for one in re.findall(r'route=~?"([^"]+)"', query)]
    assert named
    assert {path for one in named for path in one.split("|")} <= {*paths}


def test_alerts__each_names_a_runbook_that_is_there_and_is_tested() -> None:
    tests = "".join(path.read_text() for path in MONITORING.glob("*.test.yml"))
    for rule in rules():
        annotations = rule["annotations"]
        assert (ROOT / annotations["runbook"]).is_file()  # type: ignore[index]
        assert f"alertname: {rule['alert']}\n        exp_alerts:\n" in tests, rule["alert"]


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: it comes with Prometheus"
)
def test_alerts__ring_and_keep_quiet_as_their_tests_say() -> None:
    tests = sorted(path.name for path in MONITORING.glob("*.test.yml"))
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", *tests]):
        done = subprocess.run(
            ["promtool", *command],  # noqa: S607
            cwd=MONITORING,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
