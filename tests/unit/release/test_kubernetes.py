"""Releases on a cluster. No cluster was there: kubectl renders for real, and a recording one, held
to the real one's words and options, stands for everything that would reach a cluster.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

import recording_kubectl
from shop import Shop, copy_database, kubernetes_config, write_overlays
from tidegate import digest
from tidegate.cli.doctor import _overlays
from tidegate.errors import DeployError
from tidegate.release.deployers import kubernetes
from tidegate.release.deployers.cluster import kubectl
from tidegate.release.deployers.kubernetes import KubernetesDeployer
from tidegate.release.ledger import Ledger
from tidegate.release.registration import create_release
from tidegate.release.release import ImageReference, Release
from tidegate.release.status import status
from tidegate.release.steps import MoveReport

REPOSITORY = "ghcr.io/acme/shop"
REAL = shutil.which("kubectl", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")

pytestmark = [
    pytest.mark.skipif(REAL is None, reason="kubectl is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # MLflow's own
]


class ClusterShop(Shop):
    """A shop whose kubectl records."""

    @property
    def state(self) -> Path:
        return self.folder / "cluster/state"

    @property
    def calls(self) -> list[dict[str, Any]]:
        log = self.state / "calls.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def applied(self, kind: str) -> list[dict[str, Any]]:
        """Every object of a kind that was ever applied, in order."""
        given = [json.loads(call["given"])["items"] for call in self.calls if call["given"]]
        return [item for items in given for item in items if item["kind"] == kind]

    def goes_wrong(self, call: str, what: str) -> None:
        (self.state / "faults.json").write_text(json.dumps({call: what}))

    def holds(self, kind: str) -> list[dict[str, Any]]:
        """What the cluster has of a kind, in any namespace."""
        objects = json.loads((self.state / "objects.json").read_text())
        return [item for item in objects.values() if item["kind"] == kind]

    def edit(self, kind: str, change: dict[str, Any]) -> None:
        """Change something on the cluster by hand."""
        file = self.state / "objects.json"
        objects = json.loads(file.read_text())
        for item in objects.values():
            if item["kind"] == kind:
                merge(item, change)
        file.write_text(json.dumps(objects))

    def deployer(self, environment: str = "staging") -> KubernetesDeployer:
        return KubernetesDeployer(self.config, environment, self.environ)

    def released(self, number: int) -> Release:
        return Ledger(self.registry).release(self.release(number))

    def configure(self, old: str, new: str) -> None:
        path = self.folder / "tidegate.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


def merge(into: dict[str, Any], change: dict[str, Any]) -> None:
    for name, value in change.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            merge(into[name], value)
        else:
            into[name] = value


def image_of(number: int) -> ImageReference:
    content = digest.of_bytes(str(number).encode())
    return ImageReference(f"{REPOSITORY}@{content}", content)


@pytest.fixture(scope="module")
def stocked_with_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions 1 to 3, released with images by digest; 2 and 3 were judged against 1."""
    shop = Shop.make(tmp_path_factory.mktemp("stocked"), kubernetes_config())
    shop.clock.at -= timedelta(days=1)
    for number, baseline in ((1, None), (2, "1"), (3, "1")):
        shop.candidate(number, baseline)
        version = shop.register().version
        create_release(shop.config, version, image_of(number), shop.registry, shop.context)
    return shop.folder


@pytest.fixture
def shop(stocked_with_images: Path, tmp_path: Path) -> Iterator[ClusterShop]:
    assert REAL is not None
    copy_database(stocked_with_images, tmp_path)
    made = ClusterShop.make(tmp_path, kubernetes_config())
    assert isinstance(made, ClusterShop)
    write_overlays(tmp_path)
    state = recording_kubectl.install(tmp_path / "cluster", tmp_path, REAL)
    address = made.config.environments["production"].deploy.url
    assert address is not None
    (state / "address-production").write_text(address.rpartition(":")[2])
    made.environ["PATH"] = f"{tmp_path / 'cluster'}:{made.environ['PATH']}"
    yield made
    made.close()


def steps(report: MoveReport) -> dict[str, str]:
    return {step.name: str(step.verdict) for step in report.steps}


def commands(shop: ClusterShop) -> list[str]:
    """The first two words of each call, without options."""
    named = [[w for w in call["arguments"] if not w.startswith("--")] for call in shop.calls]
    return [" ".join(words[1:3]) for words in named]  # the namespace's value comes first


def alive(pid: int) -> bool:
    file = Path(f"/proc/{pid}/stat")
    return file.exists() and file.read_text().rpartition(")")[2].split()[0] != "Z"


def test_promote__staging_then_production_with_the_champion_last(shop: ClusterShop) -> None:
    before = digest.of_folder(shop.folder / "deploy")
    shop.ship(1)
    assert shop.champion() == "1"
    assert shop.serves("production") == "1"
    shop.ship(2)
    assert (shop.champion(), shop.serves("production")) == ("2", "2")
    assert [event.kind for event in shop.moves("production")] == ["promotion", "promotion"]
    assert shop.moves("production")[-1].before == shop.release(1)
    environments = status(shop.config, shop.context).environments
    assert [environment["drift"] for environment in environments] == [[], []]
    assert [pod["metadata"]["labels"]["app"] for pod in shop.holds("Pod")] == ["shop", "shop"]
    assert digest.of_folder(shop.folder / "deploy") == before


def test_promote__what_is_applied_is_the_release_by_digest_and_says_so(shop: ClusterShop) -> None:
    shop.ship(1)
    shop.ship(2)
    deployment = shop.applied("Deployment")[-1]
    release = shop.released(2)
    assert release.image is not None
    proxy, container = deployment["spec"]["template"]["spec"]["containers"]
    assert proxy["image"] == "docker.io/library/nginx:1.29"
    assert "env" not in proxy
    assert container["image"] == release.image.reference == image_of(2).reference
    assert {item["name"]: item["value"] for item in container["env"]} == {
        "WORKERS": "2",
        "TIDEGATE_RELEASE": release.id,
        "TIDEGATE_MODEL_VERSION": "2",
        "TIDEGATE_ENVIRONMENT": "production",
    }
    for metadata in (deployment["metadata"], deployment["spec"]["template"]["metadata"]):
        assert metadata["labels"]["tidegate.io/release"] == release.id
        assert metadata["annotations"] == {
            "tidegate.io/image": release.image.reference,
            "tidegate.io/environment": "production",
            "tidegate.io/model": "shop",
            "tidegate.io/model-version": "2",
            "tidegate.io/record-digest": release.record_digest,
            "tidegate.io/commit": release.commit,
            "tidegate.io/data-digest": release.data_digest,
        }
    assert deployment["spec"]["selector"] == {"matchLabels": {"app": "shop"}}
    assert deployment["spec"]["replicas"] == 3


def test_promote__every_object_is_valid_by_kubernetes_own_schemas(shop: ClusterShop) -> None:
    import kubernetes_validate

    shop.ship(1)
    given = [json.loads(call["given"])["items"] for call in shop.calls if call["given"]]
    objects = [item for items in given for item in items]
    assert {item["kind"] for item in objects} == {"ConfigMap", "Deployment", "Pod", "Service"}
    for item in objects:
        kubernetes_validate.validate(item, "1.37", strict=True)
    broken = {**shop.applied("Pod")[0], "spec": {"restartpolicy": "Never"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.37", strict=True)


def test_promote__the_side_pod_comes_first_and_no_service_leads_to_it(shop: ClusterShop) -> None:
    shop.promote(1, "staging")
    assert commands(shop) == [
        "get deployment",
        "delete pod/shop-side",
        "apply",  # what pods need, and the side pod
        "get pod",
        "port-forward pod/shop-side",
        "delete pod/shop-side",
        "apply",  # everything
        "rollout status",
        "get deployment",  # for a pod to verify
        "get pods",
        f"port-forward pod/shop-{1:08x}-x",
    ]
    first = json.loads(next(call["given"] for call in shop.calls if call["given"]))["items"]
    assert [item["kind"] for item in first] == ["ConfigMap", "Pod"]
    pod = first[-1]
    assert pod["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "tidegate"}
    assert pod["spec"]["activeDeadlineSeconds"] == 30
    assert pod["spec"]["restartPolicy"] == "Never"
    template = shop.applied("Deployment")[0]["spec"]["template"]["spec"]
    assert pod["spec"]["containers"] == template["containers"]
    assert not any(alive(call["pid"]) for call in shop.calls)


def test_promote__asked_twice_is_one_rollout(shop: ClusterShop) -> None:
    first = shop.promote(1, "staging")
    second = shop.promote(1, "staging")
    assert second.event == first.event
    assert "runs there already" in second.steps[1].detail
    assert len(shop.applied("Deployment")) == 1


@pytest.mark.parametrize("fault", ["wrong", "another release", "crashes"])
def test_promote__a_release_that_is_wrong_never_takes_traffic(
    shop: ClusterShop, fault: str
) -> None:
    shop.leave_production_alone()
    shop.ship(1)
    shop.fault(2, fault)
    if fault == "crashes":
        with pytest.raises(DeployError, match=r"ended; shop: Error exit code 1(?s:.*)damaged"):
            shop.promote(2, "production")
    else:
        report = shop.promote(2, "production")
        assert steps(report) == {"preflight": "pass", "deploy": "fail", "put back": "pass"}
        assert "never stopped" in report.steps[-1].detail
    production = [item for item in shop.applied("Deployment")
                  if item["metadata"]["namespace"] == "production"]  # fmt: skip
    assert len(production) == 1
    assert (shop.serves("production"), shop.champion()) == ("1", "1")
    assert "shop-side" not in {pod["metadata"]["name"] for pod in shop.holds("Pod")}
    assert len(shop.moves("production")) == 1


def test_promote__without_a_side_pod_a_wrong_release_gives_way_to_the_one_before(
    shop: ClusterShop,
) -> None:
    shop.leave_production_alone()
    shop.ship(1)
    # The overlay has changed since: what comes back is what ran, not what would be rendered now.
    base = shop.folder / "deploy/base/deployment.yaml"
    base.write_text(base.read_text().replace('value: "2"', 'value: "64"'))
    shop.configure("      timeout-seconds: 30\n", "      side-pod: false\n")
    shop.fault(2, "wrong")
    report = shop.promote(2, "production")
    assert steps(report) == {
        "preflight": "pass",
        "deploy": "pass",
        "verify": "fail",
        "put back": "pass",
    }
    assert (shop.serves("production"), shop.champion()) == ("1", "1")
    newer, back = shop.applied("Deployment")[-2:]
    workers = [
        variable["value"]
        for deployment in (newer, back)
        for variable in deployment["spec"]["template"]["spec"]["containers"][1]["env"]
        if variable["name"] == "WORKERS"
    ]
    assert workers == ["64", "2"]
    assert "pod-template-hash" not in json.dumps(back)
    assert shop.deployer("production").running() == shop.release(1)
    assert len(shop.moves("production")) == 1


@pytest.mark.parametrize(
    ("call", "fault", "said"),
    [
        ("apply", "refuse", r"is forbidden: User \"ci\" cannot patch"),
        ("rollout status", "time out", "the rollout did not end well: kubectl failed: timed out"),
        ("get deployment", "refuse", "is forbidden"),
    ],
)
def test_promote__a_call_that_fails_is_an_error_and_the_one_before_serves(
    shop: ClusterShop, call: str, fault: str, said: str
) -> None:
    shop.leave_production_alone()
    shop.ship(1)
    shop.goes_wrong(call, fault)
    with pytest.raises(DeployError, match=said) as caught:
        shop.promote(2, "production")
    assert f"put back: {shop.release(1)}" in caught.value.what
    assert caught.value.remedy
    assert (shop.serves("production"), shop.champion()) == ("1", "1")
    assert shop.deployer("production").running() == shop.release(1)
    assert len(shop.moves("production")) == 1
    assert not shop.promote(2, "production").blocked
    assert (shop.serves("production"), shop.champion()) == ("2", "2")


def test_promote__pods_that_never_get_ready_are_named_and_put_back(shop: ClusterShop) -> None:
    shop.leave_production_alone()
    shop.ship(1)
    shop.configure("      timeout-seconds: 30\n", "      side-pod: false\n")
    shop.fault(2, "crashes")
    with pytest.raises(DeployError, match="shop: CrashLoopBackOff back-off 10s restarting failed"):
        shop.promote(2, "production")
    assert shop.deployer("production").running() == shop.release(1)
    assert shop.serves("production") == "1"


@pytest.mark.parametrize("call", ["rollout status", "apply", "port-forward pod/shop-side"])
def test_promote__a_call_that_hangs_is_ended_with_all_below_it(
    shop: ClusterShop, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.configure(
        "namespace: staging, timeout-seconds: 30", "namespace: staging, timeout-seconds: 3"
    )
    shop.promote(1, "staging")
    monkeypatch.setattr(kubectl, "CALL_SECONDS", 4.0)
    monkeypatch.setattr(kubernetes, "POLL_SECONDS", 0.1)
    shop.goes_wrong(call, "hang")
    started = time.monotonic()
    with pytest.raises(DeployError, match=r"was stopped|no port was forwarded") as caught:
        shop.promote(2, "staging")
    assert time.monotonic() - started < 40
    assert "put back" in caught.value.what
    assert shop.deployer().running() == shop.release(1)
    hung = json.loads((shop.state / "hanging.json").read_text())
    assert len(hung) == 2
    assert not any(alive(pid) for pid in hung)


@pytest.mark.parametrize(
    ("call", "when"),
    [
        ("delete pod/shop-side", "kill before"),
        ("apply", "kill before"),
        ("apply", "kill after"),
        ("port-forward pod/shop-side", "kill before"),
        ("rollout status", "kill before"),
        ("rollout status", "kill after"),
    ],
)
def test_promote__killed_and_run_again_ends_in_the_same_place(
    shop: ClusterShop, call: str, when: str
) -> None:
    shop.leave_production_alone()
    shop.ship(1)
    shop.goes_wrong(call, when)
    command = [sys.executable, "-m", "tidegate", "promote", "--to", "production"]
    run = subprocess.run(
        [*command, "--release", shop.release(2)],
        cwd=shop.folder,
        env=shop.environ,
        capture_output=True,
        check=False,
    )
    assert run.returncode == -9, run.stderr
    assert (shop.champion(), len(shop.moves("production"))) == ("1", 1)
    assert not shop.promote(2, "production").blocked
    assert (shop.serves("production"), shop.champion()) == ("2", "2")
    assert shop.deployer("production").running() == shop.release(2)
    assert [event.release for event in shop.moves("production")] == [
        shop.release(1),
        shop.release(2),
    ]
    assert "shop-side" not in {pod["metadata"]["name"] for pod in shop.holds("Pod")}


def test_promote__killed_after_the_apply_can_go_back_instead(shop: ClusterShop) -> None:
    shop.leave_production_alone()
    shop.ship(1)
    deployer = shop.deployer("production")
    shop.goes_wrong("rollout status", "refuse")
    with pytest.raises(DeployError):
        deployer.deploy(shop.released(2), lambda _: None)
    assert deployer.running() == f"{shop.release(2)} (not rolled out)"
    (production,) = status(shop.config, shop.context, "production").environments
    assert production["drift"] == [
        f"{shop.release(2)} (not rolled out) runs, the ledger says {shop.release(1)}"
    ]
    assert not shop.promote(1, "production").blocked
    assert deployer.running() == shop.release(1)
    assert shop.serves("production") == "1"


def test_rollback__goes_to_the_release_before_and_holds(shop: ClusterShop) -> None:
    shop.ship(1)
    shop.ship(2)
    for _ in range(2):
        report = shop.mover("production").rollback(None, None, "errors since 03:00")
        assert not report.blocked
        assert (shop.serves("production"), shop.champion()) == ("1", "1")
    assert [e.kind for e in shop.moves("production")] == ["promotion", "promotion", "rollback"]
    assert shop.deployer("staging").running() == shop.release(2)


@pytest.mark.parametrize("image", [None, ImageReference("sha256:0123", None)])
def test_deploy__a_release_without_an_image_by_digest_is_an_error(
    shop: ClusterShop, image: ImageReference | None
) -> None:
    release = Release(**{**vars(shop.released(1)), "image": image})
    with pytest.raises(DeployError, match=f"{release.id} has") as caught:
        shop.deployer().deploy(release, lambda _: None)
    assert "image.push: true" in str(caught.value.remedy)
    assert shop.calls == []


@pytest.mark.parametrize(
    ("old", "new", "said", "remedy"),
    [
        ("deploy/staging", "deploy/stagin", "the overlay is not there", "deploy.overlay"),
        ("deploy/staging", "deploy", "unable to find one of 'kustomization.yaml'", "by hand"),
        (
            "namespace: staging",
            "namespace: staging, deployment: store",
            "renders no Deployment called 'store'; it has shop",
            "deploy.deployment",
        ),
        ("namespace: staging", "namespace: test", "into the namespace 'staging'", "to staging"),
        ("namespace: staging, ", "", "and the config names none", "to staging"),
        (
            "namespace: staging",
            "namespace: staging, context: nowhere",
            "does not exist",
            "contexts",
        ),
    ],
)
def test_deploy__a_config_that_does_not_fit_is_an_error_that_says_how(
    shop: ClusterShop, old: str, new: str, said: str, remedy: str
) -> None:
    shop.configure(old, new)
    with pytest.raises(DeployError, match=said) as caught:
        shop.deployer().deploy(shop.released(1), lambda _: None)
    assert remedy in str(caught.value.remedy)
    assert shop.applied("Deployment") == []


def test_deploy__an_overlay_behind_a_symbolic_link_is_found(shop: ClusterShop) -> None:
    (shop.folder / "elsewhere/deep").mkdir(parents=True)
    (shop.folder / "deploy").rename(shop.folder / "elsewhere/deep/deploy")
    (shop.folder / "deploy").symlink_to(shop.folder / "elsewhere/deep/deploy")
    shop.deployer().deploy(shop.released(1), lambda _: None)
    assert shop.deployer().running() == shop.release(1)


def test_deploy__an_overlay_that_runs_another_image_is_an_error(shop: ClusterShop) -> None:
    base = shop.folder / "deploy/base/deployment.yaml"
    base.write_text(base.read_text().replace("ghcr.io/acme/shop:latest", "ghcr.io/acme/store:1"))
    with pytest.raises(DeployError, match="no container of the Deployment runs ghcr") as caught:
        shop.deployer().deploy(shop.released(1), lambda _: None)
    assert "they run docker.io/library/nginx, ghcr.io/acme/store" in caught.value.what
    assert shop.calls == []


def test_deploy__without_kubectl_is_an_error(shop: ClusterShop) -> None:
    shop.environ["PATH"] = "/nonexistent"
    with pytest.raises(DeployError, match="kubectl cannot be started") as caught:
        shop.deployer().running()
    assert "install kubectl" in str(caught.value.remedy)


def test_deploy__a_secret_of_the_overlay_stands_on_no_command_line_and_in_no_file(
    shop: ClusterShop, tmp_path: Path
) -> None:
    secret = "b3BlbiBzZXNhbWU="
    base = shop.folder / "deploy/base"
    (base / "secret.yaml").write_text(
        f"apiVersion: v1\nkind: Secret\nmetadata: {{name: key}}\ndata: {{key: {secret}}}\n"
    )
    kustomization = base / "kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace("[dep", "[secret.yaml, dep"))
    report = shop.promote(1, "staging")
    assert not report.blocked
    assert len(shop.applied("Secret")) == 2
    assert not any(secret in " ".join(call["arguments"]) for call in shop.calls)
    assert secret not in json.dumps(report.to_dict())


@pytest.mark.parametrize(
    ("change", "runs"),
    [
        ({}, "{release}"),
        ({"spec": {"replicas": 0}}, None),
        ({"metadata": {"generation": 9}}, "{release} (not rolled out)"),
        ({"status": {"replicas": 2}}, "{release} (not rolled out)"),
        ({"status": {"availableReplicas": 0}}, "{release} (not rolled out)"),
        # An autoscaler asks for more: the rollout ended all the same.
        ({"spec": {"replicas": 5}, "status": {"replicas": 3, "updatedReplicas": 3}}, "{release}"),
        (
            {"spec": {"replicas": 5}, "status": {"conditions": []}},
            "{release} (not rolled out)",
        ),
        (
            {"spec": {"template": {"spec": {"containers": [{"image": f"{REPOSITORY}:mine"}]}}}},
            "{release} (with another image)",
        ),
        ({"spec": {"template": {"metadata": {"labels": {"tidegate.io/release": None}}}}}, "shop"),
    ],
)
def test_running__is_what_the_cluster_says(
    shop: ClusterShop, change: dict[str, Any], runs: str | None
) -> None:
    assert shop.deployer().running() is None
    shop.promote(1, "staging")
    shop.edit("Deployment", change)
    wanted = None if runs is None else runs.format(release=shop.release(1))
    assert shop.deployer().running() == wanted


def test_restore__renders_anew_where_the_cluster_kept_nothing(shop: ClusterShop) -> None:
    deployer = shop.deployer()
    for _ in range(2):
        deployer.restore(shop.released(1))
        assert deployer.running() == shop.release(1)
    shop.promote(2, "staging")
    assert deployer.running() == shop.release(2)
    deployer.restore(shop.released(1))
    assert deployer.running() == shop.release(1)


def test_restore__to_nothing_deletes_what_tidegate_put_there(shop: ClusterShop) -> None:
    deployer = shop.deployer()
    deployer.restore(None)
    deployer.deploy(shop.released(1), lambda _: None)
    for _ in range(2):
        deployer.restore(None)
        assert deployer.running() is None
    assert shop.holds("Deployment") == []


def test_restore__to_nothing_leaves_a_release_that_another_ledger_put_there(
    shop: ClusterShop,
) -> None:
    shop.deployer().deploy(shop.released(1), lambda _: None)
    shop.fault(2, "wrong")
    report = shop.promote(2, "staging")
    assert steps(report) == {"preflight": "pass", "deploy": "fail", "put back": "fail"}
    assert f"{shop.release(1)} is there, and the ledger knows nothing" in report.steps[-1].detail
    assert shop.deployer().running() == shop.release(1)


def test_restore__to_nothing_gives_back_what_ran_before_tidegate_came(shop: ClusterShop) -> None:
    deployer = shop.deployer()
    deployer.deploy(shop.released(1), lambda _: None)
    for kind in ("Deployment", "ReplicaSet", "Pod"):  # as if put there by hand
        label = {"metadata": {"labels": {"tidegate.io/release": None}}}
        shop.edit(kind, label if kind == "Pod" else {"spec": {"template": label}})
    by_hand = {
        "spec": {"template": {"spec": {"containers": [{"image": "by-hand", "name": "shop"}]}}}
    }
    shop.edit("Deployment", by_hand)
    shop.edit("ReplicaSet", by_hand)
    deployer.deploy(shop.released(2), lambda _: None)
    assert deployer.running() == shop.release(2)
    for _ in range(2):
        deployer.restore(None)
        assert deployer.running() == "shop"
    (deployment,) = shop.holds("Deployment")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "by-hand"


def test_status__sees_what_was_changed_by_hand(shop: ClusterShop) -> None:
    shop.promote(1, "staging")
    shop.edit("Deployment", {"spec": {"template": {"spec": {"containers": [{"image": "mine"}]}}}})
    (staging,) = status(shop.config, shop.context, "staging").environments
    assert staging["drift"] == [
        f"{shop.release(1)} (with another image) runs, the ledger says {shop.release(1)}"
    ]
    shop.configure("namespace: staging", "namespace: staging, context: nowhere")
    (staging,) = status(shop.config, shop.context, "staging").environments
    assert staging["drift"] == [
        'what runs cannot be seen: kubectl failed: context "nowhere" does not exist'
    ]


def test_doctor__says_whether_each_overlay_can_take_a_release(shop: ClusterShop) -> None:
    overlays = _overlays(shop.config, shop.context)
    assert [(check.name, check.verdict, check.detail) for check in overlays] == [
        (f"overlay of {name}", "pass", f"3 objects; {REPOSITORY} runs in shop as shop")
        for name in ("staging", "production")
    ]
    shop.configure("deploy/staging", "deploy/stagin")
    verdicts = [check.verdict for check in _overlays(shop.config, shop.context)]
    assert verdicts == ["fail", "pass"]


@pytest.fixture
def unreachable(shop: ClusterShop, tmp_path: Path) -> dict[str, str]:
    """The real kubectl, with a cluster where nothing listens."""
    assert REAL is not None
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "gone", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "gone", "context": {"cluster": "gone", "user": "ci"}}],
        "users": [{"name": "ci", "user": {}}],
        "current-context": "gone",
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    return {
        "PATH": f"{Path(REAL).parent}:/bin",
        "HOME": str(tmp_path),
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
    }


def test_real_kubectl__a_cluster_that_does_not_answer_is_an_error(
    shop: ClusterShop, unreachable: dict[str, str]
) -> None:
    with pytest.raises(DeployError, match=r"127\.0\.0\.1:1 was refused") as caught:
        KubernetesDeployer(shop.config, "staging", unreachable).running()
    assert "see that the cluster runs" in str(caught.value.remedy)


def test_real_kubectl__an_unknown_context_is_an_error(
    shop: ClusterShop, unreachable: dict[str, str]
) -> None:
    shop.configure("namespace: staging", "namespace: staging, context: nowhere")
    with pytest.raises(DeployError, match="nowhere") as caught:
        KubernetesDeployer(shop.config, "staging", unreachable).running()
    assert "`kubectl config get-contexts` lists" in str(caught.value.remedy)


def test_real_kubectl__takes_every_call_that_was_recorded(
    shop: ClusterShop, unreachable: dict[str, str]
) -> None:
    assert REAL is not None
    shop.ship(1)
    deployer = shop.deployer()
    shop.fault(2, "crashes")
    with pytest.raises(DeployError):
        deployer.deploy(shop.released(2), lambda _: None)  # for its log
    deployer.restore(shop.released(1))
    deployer.deploy(shop.released(1), lambda _: None)
    deployer.restore(None)
    seen = {}
    for call in shop.calls:
        words = [word.partition("=")[0] for word in call["arguments"]]
        seen[" ".join(word for word in words if "/" not in word)] = call
    assert {"apply", "delete", "get", "logs", "port-forward", "rollout"} <= {
        next(word for word in call["arguments"][2:]) for call in seen.values()
    }
    rollout_undo = ["--namespace", "staging", "rollout", "undo", "deployment/shop"]
    calls = [*seen.values(), {"arguments": [*rollout_undo, "--to-revision=3"], "given": ""}]
    for call in calls:
        run = subprocess.run(
            [REAL, *call["arguments"]],
            input=call["given"],
            env=unreachable,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        # It understood the call, and got as far as asking the cluster.
        assert "connection refused" in run.stderr or "was refused" in run.stderr, run.stderr
        assert "unknown" not in run.stderr, run.stderr
    bad = subprocess.run(
        [REAL, "apply", "--server-sid"], env=unreachable, capture_output=True, check=False
    )
    assert b"unknown flag" in bad.stderr
