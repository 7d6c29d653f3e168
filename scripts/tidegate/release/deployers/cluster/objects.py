"""What the cluster says of its Deployments, ReplicaSets and pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tidegate.release.deployers.cluster.kubectl import Object
from tidegate.release.deployers.cluster.manifests import IMAGE_ANNOTATION, RELEASE_LABEL

_REVISION = "deployment.kubernetes.io/revision"
# What a ReplicaSet's template has beyond the Deployment's.
_OWN_METADATA = ("creationTimestamp", "pod-template-hash")


def selector_of(deployment: Object) -> Mapping[str, str]:
    labels: Mapping[str, str] = deployment["spec"]["selector"].get("matchLabels", {})
    return labels


def release_of(owner: Object) -> str | None:
    """Id of the release that the pods of a Deployment or ReplicaSet are, by their template."""
    labels: Mapping[str, str] = owner["spec"]["template"]["metadata"].get("labels", {})
    return labels.get(RELEASE_LABEL)


def has_its_image(deployment: Object) -> bool:
    """Whether the pods run the image of the release that they say they are."""
    template = deployment["spec"]["template"]
    images = [container["image"] for container in template["spec"]["containers"]]
    return template["metadata"].get("annotations", {}).get(IMAGE_ANNOTATION) in images


def is_rolled_out(deployment: Object) -> bool:
    """Whether the cluster is done with the newest template, and a pod of it serves.

    Fewer pods than asked for are fine once the rollout has ended: an autoscaler at work, or a node
    that goes away, is no other release.
    """
    status = deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return False
    replicas, updated = status.get("replicas", 0), status.get("updatedReplicas", 0)
    available = status.get("availableReplicas", 0)
    ended = any(
        condition["type"] == "Progressing" and condition.get("reason") == "NewReplicaSetAvailable"
        for condition in status.get("conditions", ())
    )
    wanted = deployment["spec"].get("replicas", 1)
    return replicas == updated and available > 0 and (ended or available >= wanted)


def is_ready(pod: Object) -> bool:
    return "deletionTimestamp" not in pod.get("metadata", {}) and any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod.get("status", {}).get("conditions", ())
    )


def has_ended(pod: Object) -> bool:
    """Whether a pod that is never restarted can no longer become ready."""
    status = pod.get("status", {})
    return status.get("phase") in {"Failed", "Succeeded"} or any(
        "terminated" in container.get("state", {})
        for container in status.get("containerStatuses", ())
    )


def complaints(pods: Sequence[Object]) -> str:
    """What keeps pods from serving, to end a message with; nothing where they do not say."""
    said = [text for pod in pods for text in _complaints(pod.get("status", {}))]
    return "".join(f"; {text}" for text in dict.fromkeys(said))


def _complaints(status: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind, ()):
            state = container.get("state", {})
            why = state.get("waiting") or state.get("terminated") or {}
            code = why.get("exitCode")
            if why and code != 0:
                said = why.get("message") or ("" if code is None else f"exit code {code}")
                yield f"{container['name']}: {why.get('reason', '')} {said}".strip()
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield condition.get("message", "no node takes the pod")


def revision_of(replica_set: Object) -> int:
    return int(replica_set["metadata"].get("annotations", {}).get(_REVISION, 0))


def is_owned(item: Object, owner: Object) -> bool:
    uid = owner["metadata"]["uid"]
    return any(other["uid"] == uid for other in item["metadata"].get("ownerReferences", ()))


def template_of(replica_set: Object) -> dict[str, Any]:
    """The pod template of the Deployment that a ReplicaSet was made for."""
    template = replica_set["spec"]["template"]
    metadata = _without_own(template["metadata"])
    return {**template, "metadata": {**metadata, "labels": _without_own(metadata["labels"])}}


def _without_own(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in _OWN_METADATA}
