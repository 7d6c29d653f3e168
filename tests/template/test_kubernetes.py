"""A service's manifests, as the real kubectl renders them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from combinations import CLUSTER
from rendering import own_home, render
from tidegate import config as configs
from tidegate import digest
from tidegate.release.deployers.cluster.kubectl import Kubectl
from tidegate.release.deployers.cluster.manifests import Overlay
from tidegate.release.release import ImageReference, Release

NAME = "fraud-score"
pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        own_home(folder, patch)
        return render(folder, {**CLUSTER, "service": NAME})


def rendered(service: Path, environment: str) -> dict[str, dict[str, Any]]:
    """Kind -> the one object of it."""
    folder = service / "deploy/kubernetes/overlays" / environment
    command = ["kubectl", "kustomize", str(folder)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    objects = [item for item in yaml.safe_load_all(text) if item]
    kinds = {item["kind"]: item for item in objects}
    assert len(kinds) == len(objects)
    return kinds


@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_manifests__are_valid_by_kubernetes_own_schemas(
    service: Path, environment: str, version: str
) -> None:
    objects = rendered(service, environment)
    assert {*objects} == {
        "Deployment",
        "HorizontalPodAutoscaler",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
    }
    for item in objects.values():
        kubernetes_validate.validate(item, version, strict=True)
        assert item["metadata"]["namespace"] == f"{NAME}-{environment}"


def test_manifests__pods_may_do_no_more_than_serve(service: Path) -> None:
    """What the Pod Security Standard `restricted` asks, and a file system that is only read."""
    pod = rendered(service, "production")["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [volume["name"] for volume in pod["volumes"] if "emptyDir" not in volume] == []
    assert f"USER {pod['securityContext']['runAsUser']}" in (service / "Dockerfile").read_text()


def test_manifests__names_ports_and_selectors_lead_to_the_pods(service: Path) -> None:
    objects = rendered(service, "production")
    deployment = objects["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    (container,) = deployment["template"]["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    selectors = [
        deployment["selector"]["matchLabels"],
        objects["Service"]["spec"]["selector"],
        objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels.items() for selector in selectors)
    assert objects["Service"]["spec"]["ports"][0]["targetPort"] in ports
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    assert {probe["port"] for probe in probes} <= ports
    serve = next(service.glob("src/*/serve.py")).read_text()
    assert all(f'@app.get("{probe["path"]}")' in serve for probe in probes)
    target = objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == (
        "Deployment",
        objects["Deployment"]["metadata"]["name"],
    )


def test_manifests__a_pod_has_time_to_end_what_it_answers(service: Path) -> None:
    pod = rendered(service, "production")["Deployment"]["spec"]["template"]["spec"]
    (_, pause) = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    serve = next(service.glob("src/*/serve.py")).read_text()
    (seconds,) = (
        line.split(" = ")[1] for line in serve.splitlines() if "SHUTDOWN_SECONDS =" in line
    )
    assert pod["terminationGracePeriodSeconds"] >= int(pause) + int(seconds) + 5


def test_manifests__in_production_one_pod_may_go_while_another_serves(service: Path) -> None:
    objects = rendered(service, "production")
    assert objects["HorizontalPodAutoscaler"]["spec"]["minReplicas"] >= 2
    assert objects["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1
    assert "replicas" not in objects["Deployment"]["spec"]


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_manifests__take_a_release_by_its_digest(service: Path, environment: str) -> None:
    config = configs.load(service / "tidegate.yaml")
    deploy, repository = config.environments[environment].deploy, config.need_image().repository
    assert deploy.overlay is not None
    overlay = Overlay(config.resolve(deploy.overlay), NAME, deploy.namespace, environment)
    kubectl = Kubectl(None, deploy.namespace, os.environ)
    assert f"{repository} runs in {NAME} as service" in overlay.examine(kubectl, repository)
    content = digest.of_bytes(b"image")
    release = Release(
        service=NAME,
        model=NAME,
        model_version="3",
        image=ImageReference(f"{repository}@{content}", content),
        commit="0123456" + "0" * 33,
        data_digest=content,
        record_digest=content,
        author="ada",
        created_at="2026-03-01T12:00:00+00:00",
    )
    deployment = overlay.render(kubectl, release).deployment
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"{repository}@{content}"
    said = {item["name"]: item["value"] for item in container["env"]}
    assert (said["TIDEGATE_RELEASE"], said["TIDEGATE_MODEL_VERSION"]) == (release.id, "3")
    kubernetes_validate.validate(deployment, "1.37", strict=True)
