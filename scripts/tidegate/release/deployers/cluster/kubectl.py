"""kubectl: every call ends, and every failure says what to do."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import IO, Any

from tidegate import processes
from tidegate.errors import DeployError

# An object of the cluster, as its API has it.
Object = Mapping[str, Any]

CALL_SECONDS = 60.0
POLL_SECONDS = 0.1
# klog's lines, which the last line sums up.
_LOG_LINE = re.compile(r"[EWI]\d{4} \d\d:")
_FORWARDING = re.compile(rb"Forwarding from 127\.0\.0\.1:(\d+) ->")
_REMEDIES = {
    r"context.*(does not exist|not found)": "`kubectl config get-contexts` lists the contexts; "
    "mend deploy.context of the environment, or KUBECONFIG",
    r"refused|no such host|timeout|unable to connect|no route": "see that the cluster runs and "
    "that KUBECONFIG and deploy.context of the environment name it",
    r"unauthorized|logged in|credential": "renew the credentials that KUBECONFIG names",
    r"forbidden": "docs/releases.md lists what the account must be allowed to do",
}


class Kubectl:
    """One context and namespace of a cluster. What it is given goes by standard input: neither a
    command line nor a file ever holds a Secret.
    """

    def __init__(self, context: str | None, namespace: str | None, environ: Mapping[str, str]):
        self._environ = environ
        self._flags = [
            *(("--context", context) if context else ()),
            *(("--namespace", namespace) if namespace else ()),
        ]

    def kustomize(self, folder: str) -> str:
        """The manifests that a kustomization renders to."""
        return self._run(["kustomize", folder])

    def call(self, *words: str, given: str | None = None, seconds: float | None = None) -> str:
        """What one command says. Raises DeployError when it fails, or after `seconds`."""
        return self._run([*self._flags, *words], given, seconds)

    def apply(self, objects: Sequence[Object]) -> None:
        """Make objects what they are given as.

        By server-side apply, so that an autoscaler keeps the fields that are its own and what an
        overlay no longer says goes; what was set by hand since gives way to the overlay.
        """
        manifests = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        mode = ("--server-side", "--force-conflicts", "--field-manager=tidegate")
        self.call("apply", *mode, "--filename=-", given=manifests)

    def find(self, kind: str, name: str) -> Object | None:
        said = self.call("get", kind, name, "--ignore-not-found", "--output=json")
        return json.loads(said) if said.strip() else None

    def select(self, kind: str, labels: Mapping[str, str]) -> list[Object]:
        """The objects that bear all of these labels."""
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        said = self.call("get", kind, f"--selector={selector}", "--output=json")
        return list(json.loads(said)["items"])

    @contextmanager
    def forwarded(self, pod: str, port: int) -> Iterator[str]:
        """The URL on this machine at which a port of a pod answers, for as long as it is open."""
        words = [*self._flags, "port-forward", "--address=127.0.0.1", f"pod/{pod}", f":{port}"]
        # To a file: a pipe that nobody reads would fill with a line for each connection.
        with TemporaryFile() as said:
            process = self._start(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            try:
                yield f"http://127.0.0.1:{_forwarded_port(process, said, words)}"
            finally:
                processes.end(process)

    def _run(
        self, words: Sequence[str], given: str | None = None, seconds: float | None = None
    ) -> str:
        seconds = CALL_SECONDS if seconds is None else seconds
        pipe = subprocess.PIPE
        process = self._start(words, stdin=pipe, stdout=pipe, stderr=pipe)
        try:
            said, complaint = process.communicate(given or "", timeout=seconds)
        except subprocess.TimeoutExpired:
            raise DeployError(
                f"kubectl had not ended after {seconds:.0f} s and was stopped",
                where=_shown(words),
                remedy="see that the cluster answers; run the same command by hand",
            ) from None
        finally:
            if process.returncode is None:
                _abandon(process)
        if process.returncode != 0:
            raise _failure(complaint or said, words)
        return said

    def _start(self, words: Sequence[str], **streams: Any) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(
                ["kubectl", *words],
                env=dict(self._environ),
                text=True,
                errors="replace",
                # Credential plugins are processes below it: they end with it.
                start_new_session=True,
                **streams,
            )
        except OSError as error:
            raise DeployError(
                f"kubectl cannot be started: {error.strerror}",
                remedy="install kubectl (GitHub's own runners have it) and see that it is on PATH",
            ) from None


def _abandon(process: subprocess.Popen[str]) -> None:
    processes.end(process)
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=1)


def _forwarded_port(process: subprocess.Popen[str], said: IO[bytes], words: Sequence[str]) -> int:
    ends = time.monotonic() + CALL_SECONDS
    while True:
        ended = process.poll() is not None
        text = os.pread(said.fileno(), 4096, 0)  # leaves the offset, which kubectl writes at
        if match := _FORWARDING.search(text):
            return int(match[1])
        if ended or time.monotonic() > ends:
            raise _failure(text.decode(errors="replace") or "no port was forwarded", words)
        time.sleep(POLL_SECONDS)


def _failure(complaint: str, words: Sequence[str]) -> DeployError:
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    lines = [line for line in lines if not _LOG_LINE.match(line)] or lines[-1:]
    what = "\n".join(lines[-5:]).removeprefix("error: ") or "no reason given"
    remedy = next(
        (
            remedy
            for pattern, remedy in _REMEDIES.items()
            if re.search(pattern, what, re.IGNORECASE)
        ),
        "run the same command by hand and mend what it says",
    )
    return DeployError(f"kubectl failed: {what}", where=_shown(words), remedy=remedy)


def _shown(words: Sequence[str]) -> str:
    return shlex.join(["kubectl", *words])
