"""Deploys to a Kubernetes cluster: verified in a pod of its own first, then rolled out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from tidegate.config import Config
from tidegate.errors import DeployError
from tidegate.release.deployers import Verify
from tidegate.release.deployers.cluster import objects
from tidegate.release.deployers.cluster.kubectl import Kubectl, Object
from tidegate.release.deployers.cluster.manifests import RELEASE_LABEL, Overlay
from tidegate.release.release import Release
from tidegate.release.serving import connect

POLL_SECONDS = 1.0


class KubernetesDeployer:
    """One Deployment of the overlay takes the releases; its pod template says which it has."""

    def __init__(self, config: Config, environment: str, environ: Mapping[str, str]):
        deploy = config.need_environment(environment).deploy
        assert deploy.overlay is not None  # noqa: S101 - the config has seen to it
        self._name = deploy.deployment or config.service
        self._kubectl = Kubectl(deploy.context, deploy.namespace, environ)
        folder = config.resolve(deploy.overlay)
        self._overlay = Overlay(folder, self._name, deploy.namespace, environment)
        self._repository = config.need_image().repository
        self._deploy = deploy
        self._serving = config.serving
        self._asked_for: str | None = None  # what was last deployed, well or not

    def examine(self) -> str:
        """What there is to apply, in words. Raises DeployError when it could take no release."""
        return self._overlay.examine(self._kubectl, self._repository)

    @contextmanager
    def reached(self) -> Iterator[str]:
        if self._deploy.url is not None:
            yield self._deploy.url
            return
        with self._kubectl.forwarded(self._ready_pod(), self._serving.port) as url:
            yield url

    def running(self) -> str | None:
        deployment = self._kubectl.find("deployment", self._name)
        if deployment is None or deployment["spec"].get("replicas", 1) == 0:
            return None
        release = objects.release_of(deployment)
        if release is None:
            return self._name
        if not objects.has_its_image(deployment):
            return f"{release} (with another image)"
        return release if objects.is_rolled_out(deployment) else f"{release} (not rolled out)"

    def deploy(self, release: Release, verify: Verify) -> str:
        manifests = self._overlay.render(self._kubectl, release)
        self._asked_for = release.id
        if self.running() == release.id:
            return f"{release.id} runs there already"
        started = time.monotonic()
        ends = started + self._deploy.timeout_seconds
        said = ""
        if self._deploy.side_pod:
            needed = manifests.needed_by_pods()
            self._verify_beside(needed, manifests.side_pod(ends - started), verify, ends)
            said = f"verified in a pod of its own after {time.monotonic() - started:.1f} s, then "
        started = time.monotonic()
        self._kubectl.apply(manifests.objects)
        self._roll_out(ends)
        self._wait_for_routes(release)
        return f"{said}rolled out in {time.monotonic() - started:.1f} s"

    def restore(self, previous: Release | None) -> None:
        """Apply the previous release anew, with the pod template that the cluster kept of it.

        Not by `kubectl rollout undo`, which goes back by one revision from wherever it is: after a
        run that was cut off that may be the wrong one, and done twice it goes forth again.
        """
        deployment = self._kubectl.find("deployment", self._name)
        ends = time.monotonic() + self._deploy.timeout_seconds
        if previous is not None:
            manifests = self._overlay.render(self._kubectl, previous)
            if kept := self._revisions(deployment, previous.id):
                manifests = manifests.with_template(objects.template_of(kept[-1]))
            self._kubectl.apply(manifests.objects)
            self._roll_out(ends)
            self._wait_for_routes(previous)
        elif deployment is not None and (left := objects.release_of(deployment)):
            self._withdraw(deployment, left, ends)

    def _withdraw(self, deployment: Object, left: str, ends: float) -> None:
        """Have this release gone: what ran before tidegate came runs again, or nothing does."""
        this = f"deployment/{self._name}"
        if left != self._asked_for:
            # Not this run's: never take away what may serve.
            raise DeployError(
                f"{left} is there, and the ledger knows nothing of it",
                where=this,
                remedy="promote a release that is good, or delete it by hand",
            )
        if before := self._revisions(deployment, None):
            revision = objects.revision_of(before[-1])
            self._kubectl.call("rollout", "undo", this, f"--to-revision={revision}")
            self._roll_out(ends)
        else:
            self._kubectl.call("delete", this, "--ignore-not-found")

    def _verify_beside(
        self, needed: list[Object], pod: Object, verify: Verify, ends: float
    ) -> None:
        name = pod["metadata"]["name"]
        self._remove_pod(name)  # of a run that was cut off
        try:
            self._kubectl.apply([*needed, pod])
            self._wait_for_pod(name, ends)
            with self._kubectl.forwarded(name, self._serving.port) as url:
                verify(url)
        except DeployError as error:
            raise DeployError(
                f"{error.what}{self._log(name)}", where=error.where, remedy=error.remedy
            ) from None
        finally:
            # What went wrong before matters more, and the cluster ends the pod in time anyway.
            with suppress(DeployError):
                self._remove_pod(name)

    def _wait_for_pod(self, name: str, ends: float) -> None:
        while True:
            pod = self._kubectl.find("pod", name) or {}
            if objects.is_ready(pod):
                return
            over = objects.has_ended(pod)
            if over or time.monotonic() > ends:
                what = "ended" if over else f"was not ready in {self._deploy.timeout_seconds:g} s"
                raise DeployError(
                    f"the pod that verifies the release {what}{objects.complaints([pod])}",
                    where=f"pod/{name}",
                    remedy="mend what it says; deploy.side-pod: false goes without, and "
                    "deploy.timeout-seconds is how long it may take",
                )
            time.sleep(POLL_SECONDS)

    def _remove_pod(self, name: str) -> None:
        self._kubectl.call("delete", f"pod/{name}", "--ignore-not-found", "--now")

    def _log(self, name: str) -> str:
        """How the pod's log ends, for a message; nothing where there is none."""
        with suppress(DeployError):
            log = self._kubectl.call("logs", f"pod/{name}", "--all-containers", "--tail=12")
            return f"; its log ends:\n{log.strip()}" if log.strip() else ""
        return ""

    def _roll_out(self, ends: float) -> None:
        """Wait until the new pods serve. Raises DeployError with what keeps them from it."""
        left = max(1, round(ends - time.monotonic()))
        words = ("rollout", "status", f"deployment/{self._name}", f"--timeout={left}s")
        try:
            self._kubectl.call(*words, seconds=left + POLL_SECONDS * 10)
        except DeployError as error:
            said = ""
            with suppress(DeployError):
                said = objects.complaints(self._pods())
            raise DeployError(
                f"the rollout did not end well: {error.what}{said}",
                where=error.where,
                remedy=f"see `kubectl describe deployment {self._name}`; deploy.timeout-seconds is "
                "how long it may take",
            ) from None

    def _wait_for_routes(self, release: Release) -> None:
        """Routes to the new pods follow the rollout by seconds: let another release answer so long.

        Whoever answers afterwards is for the verification to judge.
        """
        if self._deploy.url is None:
            return
        ends = time.monotonic() + self._serving.startup_seconds
        with connect(self._deploy.url, self._serving) as service:
            while service.release() not in {None, release.id} and time.monotonic() < ends:
                time.sleep(POLL_SECONDS)

    def _ready_pod(self) -> str:
        pods = self._pods()
        for pod in pods:
            if objects.is_ready(pod):
                return str(pod["metadata"]["name"])
        raise DeployError(
            f"no pod of the Deployment is ready{objects.complaints(pods)}",
            where=f"deployment/{self._name}",
            remedy=f"see `kubectl describe deployment {self._name}`",
        )

    def _pods(self) -> list[Object]:
        """Pods of the release that the Deployment has now."""
        deployment = self._kubectl.find("deployment", self._name)
        if deployment is None:
            return []
        release = objects.release_of(deployment)
        labels = {
            **objects.selector_of(deployment),
            **({RELEASE_LABEL: release} if release else {}),
        }
        return self._kubectl.select("pods", labels)

    def _revisions(self, deployment: Object | None, release: str | None) -> list[Object]:
        """The ReplicaSets that the cluster kept of a release, oldest first.

        release: None for those that are of no release.
        """
        if deployment is None:
            return []
        sets = self._kubectl.select("replicasets", objects.selector_of(deployment))
        own = [item for item in sets if objects.is_owned(item, deployment)]
        kept = [item for item in own if objects.release_of(item) == release]
        return sorted(kept, key=objects.revision_of)
