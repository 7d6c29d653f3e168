"""The rendered compose.yaml, held to the published schema, and to the files that it mounts."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import render_example

EXAMPLE = render_example.EXAMPLES / "flight-delay"
COMPOSE = EXAMPLE / "compose.yaml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]


def compose_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    command = ["docker", "compose", "version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_compose__is_valid_by_the_published_schema(tmp_path: Path) -> None:
    check = [
        str(Path(sys.executable).parent / "check-jsonschema"),
        "--builtin-schema",
        "vendor.compose-spec",
    ]
    subprocess.run([*check, COMPOSE], check=True, capture_output=True)
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(COMPOSE.read_text().replace("read_only: true", "read_only: {}"))
    assert subprocess.run([*check, wrong], check=False, capture_output=True).returncode == 1


@pytest.mark.skipif(not compose_answers(), reason="docker compose is not installed")
def test_compose__is_valid_by_docker_compose_itself() -> None:
    command = ["docker", "compose", "--profile", "monitoring", "config", "--quiet"]
    subprocess.run(command, cwd=EXAMPLE, check=True, capture_output=True)


def test_compose__what_it_mounts_is_there_and_only_read() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    assert mounts
    for mount in mounts:
        here, _, mode = mount.split(":")
        assert (EXAMPLE / here).exists(), here
        assert mode == "ro"


def test_compose__nothing_is_open_to_other_machines() -> None:
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_compose__prometheus_and_grafana_look_where_the_others_are() -> None:
    monitoring = EXAMPLE / "deploy/monitoring"
    scraped = yaml.safe_load((monitoring / "prometheus.yml").read_text())["scrape_configs"]
    (target,) = scraped[0]["static_configs"][0]["targets"]
    assert target.split(":")[0] in SERVICES
    provisioning = monitoring / "grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in SERVICES
    (provider,) = yaml.safe_load((provisioning / "dashboards/files.yml").read_text())["providers"]
    there = [mount.split(":")[1] for mount in SERVICES["grafana"]["volumes"]]
    assert provider["options"]["path"] in there
    rules = yaml.safe_load((monitoring / "alerts.yml").read_text())["groups"]
    names = {rule["expr"] for group in rules for rule in group["rules"]}
    # Alerts ask for the job by the name that it is scraped under.
    assert all(f'job="{scraped[0]["job_name"]}"' in expression for expression in names)
