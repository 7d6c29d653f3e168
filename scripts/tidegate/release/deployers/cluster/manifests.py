"""A service's kustomize overlay with a release in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from tidegate.errors import DeployError
from tidegate.release.deployers.cluster.kubectl import Kubectl, Object
from tidegate.release.release import Release

PREFIX = "tidegate.io/"
RELEASE_LABEL = PREFIX + "release"
IMAGE_ANNOTATION = PREFIX + "image"
# What a pod may refer to, and cannot start without.
_NEEDED_BY_PODS = frozenset(
    {"Namespace", "ServiceAccount", "Secret", "ConfigMap", "PersistentVolumeClaim"}
)


@dataclass(frozen=True)
class Manifests:
    """Everything that the overlay renders to; `deployment` is the one of it that takes releases."""

    objects: tuple[Object, ...]
    deployment: Object

    def side_pod(self, seconds: float) -> Object:
        """A pod as the rollout will make them, that no Service leads to.

        seconds: after them the cluster ends it, whatever became of who made it.
        """
        template = self.deployment["spec"]["template"]
        metadata = {
            "name": f"{self.deployment['metadata']['name']}-side",
            "labels": {"app.kubernetes.io/managed-by": "tidegate"},
            "annotations": template["metadata"]["annotations"],
        }
        spec = {
            **template["spec"],
            "restartPolicy": "Never",
            "activeDeadlineSeconds": max(1, round(seconds)),
        }
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    def needed_by_pods(self) -> list[Object]:
        return [item for item in self.objects if item["kind"] in _NEEDED_BY_PODS]

    def with_template(self, template: Object) -> Manifests:
        """The same with another pod template in the Deployment."""
        spec = {**self.deployment["spec"], "template": template}
        deployment = {**self.deployment, "spec": spec}
        others = (item for item in self.objects if item is not self.deployment)
        return Manifests((*others, deployment), deployment)


@dataclass(frozen=True)
class Overlay:
    """The kustomize overlay of one environment. Its files are read, never written."""

    folder: Path
    deployment: str
    namespace: str | None
    environment: str

    def render(self, kubectl: Kubectl, release: Release) -> Manifests:
        """The overlay with the release's image by digest, and with what says which release it is.

        By a kustomization over the overlay, in a folder of its own. Raises DeployError when the
        image has no digest, or when the overlay has no place for it.
        """
        repository, digest = _by_digest(release)
        own = self._own(kubectl).deployment
        patch = _patch(own, _containers(own, repository), release, self.environment)
        with TemporaryDirectory() as folder:
            # kustomize takes no absolute path, and follows symbolic links before it counts `..`.
            base = os.path.relpath(self.folder.resolve(), Path(folder).resolve())
            kustomization = {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "resources": [base],
                "images": [{"name": repository, "newName": repository, "digest": digest}],
                "patches": [
                    {
                        "target": {"kind": "Deployment", "name": f"^{self.deployment}$"},
                        "patch": json.dumps(patch),
                    }
                ],
            }
            Path(folder, "kustomization.yaml").write_text(json.dumps(kustomization))
            return self._read(kubectl, Path(folder))

    def examine(self, kubectl: Kubectl, repository: str) -> str:
        """What the overlay renders, in words. Raises DeployError when it can take no release."""
        own = self._own(kubectl)
        names = ", ".join(item["name"] for item in _containers(own.deployment, repository).values())
        return f"{len(own.objects)} objects; {repository} runs in {self.deployment} as {names}"

    def _own(self, kubectl: Kubectl) -> Manifests:
        if not self.folder.is_dir():
            raise DeployError(
                "the overlay is not there",
                where=str(self.folder),
                remedy="mend deploy.overlay of the environment: the folder of a kustomization.yaml",
            )
        return self._read(kubectl, self.folder)

    def _read(self, kubectl: Kubectl, folder: Path) -> Manifests:
        objects = tuple(item for item in yaml.safe_load_all(kubectl.kustomize(str(folder))) if item)
        deployments = {
            item["metadata"]["name"]: item for item in objects if item["kind"] == "Deployment"
        }
        if self.deployment not in deployments:
            raise DeployError(
                f"the overlay renders no Deployment called {self.deployment!r}; it has "
                f"{', '.join(deployments) or 'none'}",
                where=str(self.folder),
                remedy="set deploy.deployment of the environment to the name that `kubectl "
                "kustomize` shows",
            )
        found = deployments[self.deployment]
        namespace = found["metadata"].get("namespace")
        if namespace not in {None, self.namespace}:
            raise DeployError(
                f"the overlay puts the Deployment into the namespace {namespace!r}, and the config "
                f"names {self.namespace or 'none'}",
                where=str(self.folder),
                remedy=f"set deploy.namespace of the environment to {namespace}",
            )
        return Manifests(objects, found)


def _by_digest(release: Release) -> tuple[str, str]:
    if release.image is None or release.image.digest is None:
        what = "has no image" if release.image is None else "has an image without a digest"
        raise DeployError(
            f"{release.id} {what}: a cluster could not tell it from another",
            remedy="set image.push: true in the config, and release again",
        )
    return release.image.reference.rpartition("@")[0], release.image.digest


def _containers(deployment: Object, repository: str) -> dict[str, Object]:
    """The containers that run the image, by their JSON pointers in the Deployment."""
    spec = deployment["spec"]["template"]["spec"]
    found = {
        f"/spec/template/spec/{kind}/{number}": container
        for kind in ("containers", "initContainers")
        for number, container in enumerate(spec.get(kind, ()))
        if _name(container["image"]) == repository
    }
    if not any("/containers/" in pointer for pointer in found):
        runs = ", ".join(sorted({_name(item["image"]) for item in spec["containers"]}))
        raise DeployError(
            f"no container of the Deployment runs {repository}; they run {runs}",
            where=deployment["metadata"]["name"],
            remedy=f"write `image: {repository}` in the overlay; a tag there is replaced",
        )
    return found


def _name(image: str) -> str:
    """An image's name without tag and digest."""
    name = image.partition("@")[0]
    host, slash, last = name.rpartition("/")
    return host + slash + last.partition(":")[0]


def _patch(
    deployment: Object, containers: Mapping[str, Object], release: Release, environment: str
) -> list[dict[str, Any]]:
    """A JSON patch that has the pods say which release they are.

    Not a strategic merge, which would put the containers into another order.
    """
    labels = {RELEASE_LABEL: release.id}
    annotations = {PREFIX + name: value for name, value in _facts(release, environment)}
    variables = {
        "TIDEGATE_RELEASE": release.id,
        "TIDEGATE_MODEL_VERSION": release.model_version,
        "TIDEGATE_ENVIRONMENT": environment,
    }
    own = [{"name": name, "value": value} for name, value in variables.items()]
    values: dict[str, Any] = {}
    metadata = {
        "/metadata": deployment["metadata"],
        "/spec/template/metadata": deployment["spec"]["template"].get("metadata", {}),
    }
    for pointer, present in metadata.items():
        values[pointer + "/labels"] = {**present.get("labels", {}), **labels}
        values[pointer + "/annotations"] = {**present.get("annotations", {}), **annotations}
    for pointer, container in containers.items():
        others = [item for item in container.get("env", ()) if item["name"] not in variables]
        values[pointer + "/env"] = [*others, *own]
    # `add` takes the place of what is there.
    return [{"op": "add", "path": path, "value": value} for path, value in values.items()]


def _facts(release: Release, environment: str) -> Iterator[tuple[str, str]]:
    assert release.image is not None  # noqa: S101 - it has been looked at
    yield "image", release.image.reference
    yield "environment", environment
    yield "model", release.model
    yield "model-version", release.model_version
    yield "record-digest", release.record_digest
    if release.commit:
        yield "commit", release.commit
    if release.data_digest:
        yield "data-digest", release.data_digest
