"""A cluster of one node in a folder, behind a kubectl that writes down what it is asked.

Tests run it as `kubectl`, each in place of a call of the real one. It keeps the objects that it is
given, rolls Deployments out as the Deployment controller does, and really serves: a pod is the
shop's own server, on the port that is forwarded or that stands for the environment's address.
`kubectl kustomize` is the real one's. What it answers is worded as the real one words it.

state/  objects.json   what the cluster holds
        calls.jsonl    {"arguments", "given"} of each call
        faults.json    the first words of a call -> what goes wrong there: see FAULTS
        address-NAME   the port at which the services of a namespace answer
"""

from __future__ import annotations

import copy
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ports import free_port

# refuse: the API server says no. hang: never answers, nor does a credential plugin below it.
# time out: kubectl's own --timeout passes. kill before, kill after: who called it dies.
FAULTS = ("refuse", "hang", "time out", "kill before", "kill after")
CONTAINER_PORT = "8080"
HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
# Groups by kind, as kubectl names a thing that it changed.
GROUPS = {"Deployment": "deployment.apps", "ReplicaSet": "replicaset.apps"}
KINDS = {"deployment": "Deployment", "replicasets": "ReplicaSet", "pod": "Pod", "pods": "Pod"}

Object = dict[str, Any]


def install(folder: Path, shop: Path, real: str) -> Path:
    """Put a `kubectl` into a folder; where its cluster's state is kept."""
    state = folder / "state"
    state.mkdir(parents=True)
    script = folder / "kubectl"
    words = [sys.executable, "-S", __file__, str(state), str(shop), real]
    script.write_text(f'#!/bin/sh\nexec {" ".join(words)} "$@"\n')
    script.chmod(0o755)
    return state


class Cluster:
    def __init__(self, state: Path, shop: Path, namespace: str):
        self.state, self.shop, self.namespace = state, shop, namespace
        self.file = state / "objects.json"
        self.objects: dict[str, Object] = (
            json.loads(self.file.read_text()) if self.file.exists() else {}
        )

    def save(self) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(self.objects, indent=1))
        new.replace(self.file)

    def key(self, kind: str, name: str) -> str:
        return f"{self.namespace}/{kind}/{name}"

    def all(self, kind: str) -> list[Object]:
        start = f"{self.namespace}/{kind}/"
        return [item for key, item in self.objects.items() if key.startswith(start)]

    def find(self, kind: str, name: str) -> Object | None:
        return self.objects.get(self.key(kind, name))

    def put(self, item: Object) -> None:
        item["metadata"]["namespace"] = self.namespace
        self.objects[self.key(item["kind"], item["metadata"]["name"])] = item

    def remove(self, kind: str, name: str) -> None:
        self.objects.pop(self.key(kind, name), None)

    def apply(self, item: Object) -> None:
        if item["kind"] == "Deployment":
            self.apply_deployment(item)
        elif item["kind"] == "Pod":
            if self.find("Pod", item["metadata"]["name"]) is not None:
                sys.exit("The Pod is invalid: spec: Forbidden: pod updates may not change fields")
            self.start(item)
        else:
            self.put(item)

    def apply_deployment(self, item: Object) -> None:
        name = item["metadata"]["name"]
        old = self.find("Deployment", name)
        generation = 1
        if old is not None:
            item["spec"].setdefault("replicas", old["spec"]["replicas"])
            item["status"] = old["status"]
            generation = old["metadata"]["generation"] + (item["spec"] != old["spec"])
        item["spec"].setdefault("replicas", 1)
        item["metadata"] |= {"uid": f"uid-{self.namespace}-{name}", "generation": generation}
        self.put(item)
        if old is None or old["spec"]["template"] != item["spec"]["template"]:
            self.roll(item)

    def roll(self, deployment: Object) -> None:
        """As the controller begins: a ReplicaSet of the template, and its first pod."""
        name, template = deployment["metadata"]["name"], deployment["spec"]["template"]
        sets = self.all("ReplicaSet")
        newest = max([int(item["metadata"]["annotations"][REVISION]) for item in sets], default=0)
        same = [item for item in sets if plain(item["spec"]["template"]) == template]
        if same:
            kept = same[0]
            kept["metadata"]["annotations"][REVISION] = str(newest + 1)
        else:
            mark = f"{newest + 1:08x}"
            hashed = copy.deepcopy(template)
            hashed["metadata"]["labels"][HASH] = mark
            kept = {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "metadata": {
                    "name": f"{name}-{mark}",
                    "labels": hashed["metadata"]["labels"],
                    "annotations": {REVISION: str(newest + 1)},
                    "ownerReferences": [{"uid": deployment["metadata"]["uid"]}],
                },
                "spec": {"template": hashed},
            }
            self.put(kept)
        old = len(self.pods(deployment))
        metadata = {"name": f"{kept['metadata']['name']}-x", **kept["spec"]["template"]["metadata"]}
        self.start({"kind": "Pod", "metadata": metadata, "spec": template["spec"]})
        deployment["status"] = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": old + 1,
            "updatedReplicas": 1,
            "availableReplicas": old,
            "conditions": [{"type": "Progressing", "reason": "ReplicaSetUpdated"}],
        }

    def settle(self, deployment: Object) -> None:
        """As the controller ends: old pods are gone."""
        for pod in self.pods(deployment):
            if plain(pod_template(pod))["metadata"] != deployment["spec"]["template"]["metadata"]:
                self.remove("Pod", pod["metadata"]["name"])
        count = deployment["spec"]["replicas"]
        deployment["status"] = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": count,
            "updatedReplicas": count,
            "availableReplicas": count,
            "conditions": [{"type": "Progressing", "reason": "NewReplicaSetAvailable"}],
        }
        self.serve(deployment)

    def serve(self, deployment: Object) -> None:
        """Put the new pods behind the environment's address, where it has one."""
        self.take_down()
        address = self.state / f"address-{self.namespace}"
        if not address.exists():
            return
        port = address.read_text()
        process = subprocess.Popen(
            server(self.shop, deployment["spec"]["template"]["spec"], port),
            env={**os.environ, **variables(deployment["spec"]["template"]["spec"])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        (self.shop / f"{self.namespace}.pid").write_text(str(process.pid))
        wait_until_listening(int(port))

    def take_down(self) -> None:
        pid = self.shop / f"{self.namespace}.pid"
        if pid.exists():
            with suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGKILL)
            pid.unlink()

    def pods(self, deployment: Object) -> list[Object]:
        wanted = deployment["spec"]["selector"]["matchLabels"]
        return [pod for pod in self.all("Pod") if bears(pod, wanted)]

    def start(self, pod: Object) -> None:
        """As the kubelet does."""
        crashes = fault_of(self.shop, pod["spec"]) == "crashes"
        pod["status"] = {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "False" if crashes else "True"}],
        }
        if crashes:
            again = pod["spec"].get("restartPolicy") != "Never"
            waits = {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed"}
            ended = {"reason": "Error", "exitCode": 1}
            state = {"waiting": waits} if again else {"terminated": ended}
            pod["status"]["containerStatuses"] = [{"name": "shop", "state": state}]
        self.put(pod)


def plain(template: Object) -> Object:
    template = copy.deepcopy(template)
    template["metadata"]["labels"].pop(HASH, None)
    return template


def pod_template(pod: Object) -> Object:
    metadata = {name: pod["metadata"][name] for name in ("labels", "annotations")
                if name in pod["metadata"]}  # fmt: skip
    return {"metadata": metadata, "spec": pod["spec"]}


def bears(item: Object, labels: dict[str, str]) -> bool:
    own = item["metadata"].get("labels", {})
    return all(own.get(name) == value for name, value in labels.items())


def variables(spec: Object) -> dict[str, str]:
    """Those of the pod's containers together: only one of them serves."""
    return {
        item["name"]: item["value"]
        for container in spec["containers"]
        for item in container.get("env", ())
    }


def fault_of(shop: Path, spec: Object) -> str:
    file = shop / f"fault-{variables(spec).get('TIDEGATE_MODEL_VERSION')}"
    return file.read_text() if file.exists() else ""


def server(shop: Path, spec: Object, port: str) -> list[str]:
    return [sys.executable, "-S", str(shop / "server.py"), port, fault_of(shop, spec)]


def wait_until_listening(port: int) -> None:
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)


def get(cluster: Cluster, words: list[str], options: dict[str, str]) -> None:
    kind = KINDS[words[1]]
    if "--selector" in options:
        labels = dict(pair.split("=", 1) for pair in options["--selector"].split(","))
        items = [item for item in cluster.all(kind) if bears(item, labels)]
        print(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    elif (found := cluster.find(kind, words[2])) is not None:
        print(json.dumps(found))


def rollout_status(cluster: Cluster, name: str) -> None:
    deployment = cluster.find("Deployment", name)
    if deployment is None:
        sys.exit(f'Error from server (NotFound): deployments.apps "{name}" not found')
    waiting = f'Waiting for deployment "{name}" rollout to finish:'
    newest = [pod for pod in cluster.pods(deployment)
              if plain(pod_template(pod))["metadata"]
              == deployment["spec"]["template"]["metadata"]]  # fmt: skip
    if any(pod["status"]["conditions"][0]["status"] != "True" for pod in newest):
        print(f"{waiting} 1 old replicas are pending termination...")
        sys.exit("error: timed out waiting for the condition")
    cluster.settle(deployment)
    print(f'deployment "{name}" successfully rolled out')


def rollout_undo(cluster: Cluster, name: str, revision: str) -> None:
    deployment = cluster.find("Deployment", name)
    assert deployment is not None
    for item in cluster.all("ReplicaSet"):
        if item["metadata"]["annotations"][REVISION] == revision:
            deployment["spec"]["template"] = plain(item["spec"]["template"])
            deployment["metadata"]["generation"] += 1
            cluster.roll(deployment)
            print(f"deployment.apps/{name} rolled back")
            return
    sys.exit(f"error: unable to find specified revision {revision} in history")


def delete(cluster: Cluster, kind: str, name: str) -> None:
    if (found := cluster.find(kind, name)) is None:
        return
    cluster.remove(kind, name)
    if kind == "Deployment":
        cluster.take_down()
        for other in [*cluster.pods(found), *cluster.all("ReplicaSet")]:
            cluster.remove(other["kind"], other["metadata"]["name"])
    print(f'{GROUPS.get(kind, kind.lower())} "{name}" deleted')


def port_forward(cluster: Cluster, name: str) -> None:
    pod = cluster.find("Pod", name)
    if pod is None:
        sys.exit(f'Error from server (NotFound): pods "{name}" not found')
    port = free_port()
    command = server(cluster.shop, pod["spec"], str(port))
    child = subprocess.Popen(command, env={**os.environ, **variables(pod["spec"])})
    wait_until_listening(port)
    print(f"Forwarding from 127.0.0.1:{port} -> {CONTAINER_PORT}", flush=True)
    sys.exit(child.wait())


def answer(cluster: Cluster, words: list[str], options: dict[str, str], given: str) -> None:
    if words[0] == "get":
        get(cluster, words, options)
    elif words[0] == "apply":
        for item in json.loads(given)["items"]:
            cluster.apply(item)
            kind = item["kind"]
            name = item["metadata"]["name"]
            print(f"{GROUPS.get(kind, kind.lower())}/{name} serverside-applied")
    elif words[:2] == ["rollout", "status"]:
        rollout_status(cluster, words[2].partition("/")[2])
    elif words[:2] == ["rollout", "undo"]:
        rollout_undo(cluster, words[2].partition("/")[2], options["--to-revision"])
    elif words[0] == "delete":
        kind, _, name = words[1].partition("/")
        delete(cluster, KINDS[kind], name)
    elif words[0] == "logs":
        if cluster.find("Pod", words[1].partition("/")[2]) is None:
            sys.exit("Error from server (NotFound): pods not found")
        print("the weights are damaged")
    elif words[0] == "port-forward":
        port_forward(cluster, words[1].partition("/")[2])
    else:
        sys.exit(f'error: unknown command "{words[0]}"')


def fault(state: Path, words: list[str]) -> str:
    """What goes wrong in this call, and once: the next one of its kind goes well."""
    file = state / "faults.json"
    faults = json.loads(file.read_text()) if file.exists() else {}
    for start, what in faults.items():
        if " ".join(words).startswith(start):
            assert what in FAULTS, what
            del faults[start]
            file.write_text(json.dumps(faults))
            return str(what)
    return ""


def main() -> None:
    state, shop, real, *arguments = sys.argv[1:]
    if arguments[0] == "kustomize":
        sys.exit(subprocess.run([real, *arguments], check=False).returncode)
    options: dict[str, str] = {}
    words = []
    rest = iter(arguments)
    for word in rest:
        if word in {"--context", "--namespace"}:
            options[word] = next(rest)
        elif word.startswith("--"):
            options.update([(*word.split("=", 1), "")[:2]])
        else:
            words.append(word)
    given = "" if sys.stdin is None or words[0] != "apply" else sys.stdin.read()
    with Path(state, "calls.jsonl").open("a") as calls:
        calls.write(json.dumps({"arguments": arguments, "given": given, "pid": os.getpid()}) + "\n")
    if options.get("--context") == "nowhere":
        sys.exit('error: context "nowhere" does not exist')
    cluster = Cluster(Path(state), Path(shop), options.get("--namespace", "default"))
    wrong = fault(Path(state), words)
    if wrong == "refuse":
        sys.exit('Error from server (Forbidden): deployments.apps "shop" is forbidden: User "ci" '
                 'cannot patch resource "deployments" in API group "apps"')  # fmt: skip
    if wrong == "time out":
        sys.exit("error: timed out waiting for the condition")
    if wrong == "hang":
        plugin = subprocess.Popen(["sleep", "600"])
        Path(state, "hanging.json").write_text(json.dumps([os.getpid(), plugin.pid]))
        plugin.wait()
    if wrong == "kill before":
        os.kill(os.getppid(), signal.SIGKILL)
        sys.exit(1)
    try:
        answer(cluster, words, options, given)
    finally:
        cluster.save()
        if wrong == "kill after":
            os.kill(os.getppid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
