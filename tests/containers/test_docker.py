"""Images and containers on a real engine: built, held to their promises, promoted, put back."""

from __future__ import annotations

import gc
import re
import socket
import subprocess
import time
import weakref
from typing import TYPE_CHECKING

import pytest

from docker_shop import BASE_IMAGE, REGISTRY, REPOSITORY, build, container, names
from local_github.act import ROOT
from shop import Shop, docker_config
from tidegate.errors import DeployError, ImageError
from tidegate.release import image as images
from tidegate.release.deployers.docker import DockerDeployer
from tidegate.release.image_test import ImageReport, hold_image
from tidegate.release.ledger import Ledger
from tidegate.release.registration import create_release
from tidegate.release.release import ImageReference
from tidegate.release.status import status
from tidegate.release.steps import MoveReport

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # MLflow's own
]

DOCS = ROOT / "docs/how-to/roll-back.md"


def held(shop: Shop, number: int) -> ImageReport:
    release = Ledger(shop.registry).release(shop.release(number))
    return hold_image(shop.config, release, shop.registry)


def steps(report: MoveReport) -> dict[str, str]:
    return {step.name: str(step.verdict) for step in report.steps}


def test_build_image__holds_the_registered_model_not_the_one_that_lies_about(
    shop: Shop, engine: DockerClient
) -> None:
    shop.candidate(7)  # a later training run has overwritten the folder
    built = build(shop, 1)
    assert built.image.size_mb > 0
    assert built.release.image is not None
    assert built.release.image.reference == built.image.id
    assert built.release.image.digest is None
    labels = engine.images.get(built.image.id).labels
    assert labels == {**labels, **built.image.labels}
    assert labels["io.tidegate.model-version"] == "1"
    assert labels["io.tidegate.record-digest"] == built.release.record_digest
    predictions = held(shop, 1).checks[2]
    assert (predictions.name, str(predictions.verdict)) == ("predictions", "pass")


def test_build_image__a_dockerfile_that_fails_is_an_error_with_its_last_lines(shop: Shop) -> None:
    with (shop.folder / "Dockerfile").open("a") as dockerfile:
        dockerfile.write("RUN echo no room left && exit 3\n")
    with pytest.raises(ImageError, match="no room left"):
        build(shop, 1)


def test_test_image__a_good_image_keeps_every_promise(shop: Shop, engine: DockerClient) -> None:
    report = held(shop, 1)
    assert not report.blocked, report.to_dict()
    assert {check.name for check in report.checks} >= {
        "ready",
        "identity",
        "predictions",
        "bad request: oversized",
        "alive after bad requests",
    }
    assert 0 < report.latency["p50_ms"] <= report.latency["p95_ms"] <= report.latency["p99_ms"]
    assert report.memory_mb > 1
    assert report.load is not None
    assert report.load.load.requests == 100
    assert report.load.throughput_rps > 5
    assert 0 < report.load.latency["p50_ms"] <= report.load.latency["p99_ms"]
    assert report.load_memory_mb > 1
    image = Ledger(shop.registry).release(shop.release(1)).image
    assert image is not None
    figures = {
        **{f"latency-p{rank}-ms": report.latency[f"p{rank}_ms"] for rank in (50, 95, 99)},
        **{f"load-latency-p{rank}-ms": report.load.latency[f"p{rank}_ms"] for rank in (50, 95, 99)},
        "throughput-rps": report.load.throughput_rps,
        "memory-mb": report.memory_mb,
        "load-memory-mb": report.load_memory_mb,
        "image-size-mb": engine.images.get(image.reference).attrs["Size"] / 1e6,
    }
    held_to = {budget.name: budget.value for budget in report.budgets}
    assert held_to == {name: figures[name] for name in shop.config.need_gate().budgets}
    assert shop.registry.measurements(shop.registry.version("1")) == figures
    assert names(engine, shop) == set()


def test_test_image__memory_is_watched_while_it_is_taken(shop: Shop, engine: DockerClient) -> None:
    # 200 MB for a second: given back before anybody looks afterwards.
    program = (
        "import time; time.sleep(1); x = bytearray(200_000_000); time.sleep(1); x = 0; input()"
    )
    taken = engine.containers.run(
        BASE_IMAGE, ["python3", "-c", program], name=f"{shop.config.service}-memory",
        detach=True, stdin_open=True,
    )  # fmt: skip
    with images.watched_memory(taken) as seen:
        time.sleep(4)
    assert max(seen) > 190
    assert seen[-1] < 100


def test_test_image__over_a_budget_is_blocked(shop: Shop) -> None:
    path = shop.folder / "tidegate.yaml"
    path.write_text(path.read_text().replace("image-size-mb: 5000", "image-size-mb: 1"))
    report = held(shop, 1)
    assert report.blocked
    assert [b.name for b in report.budgets if str(b.verdict) == "fail"] == ["image-size-mb"]


def test_test_image__wrong_predictions_are_a_verdict_and_a_crash_is_an_error_with_the_log(
    shop: Shop, engine: DockerClient
) -> None:
    build(shop, 1, "wrong")
    report = held(shop, 1)
    assert report.blocked
    assert "greatest difference from the offline table 0.01" in report.checks[-1].detail
    path = shop.folder / "tidegate.yaml"
    path.write_text(path.read_text().replace("startup-seconds: 20", "startup-seconds: 2"))
    build(shop, 1, "crashes")
    with pytest.raises((DeployError, ImageError)) as caught:
        held(shop, 1)
    assert "the weights are damaged" in str(caught.value)
    assert names(engine, shop) == set()


def test_promote__to_containers_without_rights_and_back(shop: Shop, engine: DockerClient) -> None:
    shop.ship(1)
    shop.ship(2)
    assert [shop.serves("staging"), shop.serves("production"), shop.champion()] == ["2"] * 3
    running = container(engine, shop, "production")
    assert running.attrs["HostConfig"]["ReadonlyRootfs"]
    assert running.attrs["HostConfig"]["CapDrop"] == ["ALL"]
    assert running.attrs["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert container(engine, shop, "production-previous").status == "exited"
    assert "production-side" not in names(engine, shop)

    for _ in range(2):
        back = shop.mover("production").rollback(None, None, "errors since 03:00")
        assert not back.blocked
        assert (shop.serves("production"), shop.champion()) == ("1", "1")
    assert [e.kind for e in shop.moves("production")] == ["promotion", "promotion", "rollback"]
    assert shop.serves("staging") == "2"


@pytest.mark.parametrize("fault", ["wrong", "another release"])
def test_promote__a_wrong_image_never_takes_the_port(
    shop: Shop, engine: DockerClient, fault: str
) -> None:
    shop.promote(1, "staging")
    before = container(engine, shop, "staging").attrs
    build(shop, 2, fault)
    report = shop.promote(2, "staging")
    assert steps(report) == {"preflight": "pass", "deploy": "fail", "put back": "pass"}
    assert "never stopped" in report.steps[-1].detail
    after = container(engine, shop, "staging").attrs
    assert (after["Id"], after["State"]["StartedAt"]) == (
        before["Id"],
        before["State"]["StartedAt"],
    )
    assert shop.serves("staging") == "1"
    assert names(engine, shop) == {"staging"}


def test_promote__a_port_in_use_is_an_error_that_names_it(shop: Shop, engine: DockerClient) -> None:
    port = shop.config.environments["staging"].deploy.port
    assert port is not None
    with socket.socket() as other:
        other.bind(("0.0.0.0", port))  # noqa: S104 - what a container's port is published on
        other.listen()
        with pytest.raises(DeployError, match=f"port {port} is in use by something else"):
            shop.promote(1, "staging")
    assert names(engine, shop) == set()
    assert shop.moves("staging") == []
    assert not shop.promote(1, "staging").blocked


def test_promote__cut_off_at_the_switch_ends_in_the_same_place(
    shop: Shop, engine: DockerClient
) -> None:
    shop.promote(1, "staging")
    # Killed when the old container was renamed and the new one not yet started:
    container(engine, shop, "staging").rename(f"{shop.config.service}-staging-previous")
    assert not shop.promote(2, "staging").blocked
    assert shop.serves("staging") == "2"
    # Killed when the new container was made and not started:
    container(engine, shop, "staging").stop(timeout=0)
    assert not shop.promote(2, "staging").blocked
    assert shop.serves("staging") == "2"
    assert [event.kind for event in shop.moves("staging")] == ["promotion"] * 2


def test_restore__starts_the_kept_container_and_leaves_no_other(
    shop: Shop, engine: DockerClient
) -> None:
    shop.promote(1, "staging")
    kept = container(engine, shop, "staging").id
    shop.promote(2, "staging")
    deployer = DockerDeployer(shop.config, "staging")
    deployer.restore(Ledger(shop.registry).release(shop.release(1)))
    assert shop.serves("staging") == "1"
    assert container(engine, shop, "staging").id == kept
    deployer.restore(None)
    assert names(engine, shop) == set()


def test_promote__from_a_registry_goes_by_digest(shop: Shop, engine: DockerClient) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 5000)) != 0:
            pytest.skip(f"no registry at {REGISTRY}: make docker-engine")
    repository = f"{REGISTRY}/{REPOSITORY}"
    (shop.folder / "tidegate.yaml").write_text(
        docker_config(shop.config.service, repository, push=True)
    )
    image = build(shop, 1).release.image
    assert image is not None
    assert image.digest is not None
    assert image.reference == f"{repository}@{image.digest}"
    for local in engine.images.list(repository):
        engine.images.remove(local.id, force=True)  # as on another engine
    assert not shop.promote(1, "staging").blocked
    assert container(engine, shop, "staging").attrs["Config"]["Image"] == image.reference
    engine.images.remove(image.reference, force=True)


def test_promote__an_image_that_is_gone_is_an_error(shop: Shop, engine: DockerClient) -> None:
    image = build(shop, 1, "gone").release.image
    assert image is not None
    engine.images.remove(image.reference, force=True)
    with pytest.raises(DeployError, match="is not on this engine"):
        shop.promote(1, "staging")


def test_promote__a_container_that_hangs_is_an_error_in_time_and_the_one_before_serves(
    shop: Shop, engine: DockerClient
) -> None:
    shop.promote(1, "staging")
    path = shop.folder / "tidegate.yaml"
    path.write_text(path.read_text().replace("startup-seconds: 20", "startup-seconds: 2"))
    build(shop, 2, "hangs")
    with pytest.raises(DeployError, match="was not ready after 2 s"):
        shop.promote(2, "staging")
    assert names(engine, shop) == {"staging"}
    assert shop.serves("staging") == "1"
    assert [event.release for event in shop.moves("staging")] == [shop.release(1)]


def test_promote__a_digest_that_the_registry_lacks_is_an_error(shop: Shop) -> None:
    shop.promote(1, "staging")
    digest = "sha256:" + "0" * 64
    version = shop.registry.version("2")
    missing = ImageReference(f"{REGISTRY}/{REPOSITORY}@{digest}", digest)
    create_release(shop.config, version, missing, shop.registry, shop.context)
    with pytest.raises(DeployError, match="the image cannot be pulled"):
        shop.promote(2, "staging")
    assert shop.serves("staging") == "1"


def test_rollback__to_an_image_that_is_gone_is_an_error_and_what_runs_runs_on(
    shop: Shop, engine: DockerClient
) -> None:
    gone = build(shop, 1, "gone").release.image
    assert gone is not None
    for number in (1, 2):
        assert not shop.promote(number, "staging").blocked
    container(engine, shop, "staging-previous").remove(force=True)
    engine.images.remove(gone.reference, force=True)
    with pytest.raises(DeployError, match="is not on this engine"):
        shop.mover("staging").rollback(None, None, "errors since 03:00")
    assert shop.serves("staging") == "2"
    assert [event.kind for event in shop.moves("staging")] == ["promotion"] * 2


def test_rollback__by_hand_as_the_docs_say_is_seen_and_then_written_down(
    shop: Shop, engine: DockerClient
) -> None:
    shop.ship(1)
    shop.ship(2)
    (commands,) = re.findall(r"```sh\n(docker stop.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    by_hand = commands.replace("SERVICE", shop.config.service)
    subprocess.run(["bash", "-eu", "-c", by_hand], check=True, capture_output=True)
    seen = status(shop.config, shop.context, "production").environments[0]
    assert seen["drift"] == [f"{shop.release(1)} runs, the ledger says {shop.release(2)}"]
    report = shop.mover("production").rollback(None, None, "errors since 03:00, MLflow was down")
    assert not report.blocked
    assert "runs there already" in report.steps[1].detail
    assert (shop.serves("production"), shop.champion()) == ("1", "1")
    assert not status(shop.config, shop.context, "production").blocked
    assert "production-bad" in names(engine, shop)


def test_engine__its_sockets_close_as_soon_as_nobody_needs_it(engine: DockerClient) -> None:
    client = images.connect()
    api = weakref.ref(client.api)
    gc.disable()
    try:
        del client
        assert api() is None
    finally:
        gc.enable()
