"""A release's image held to its promises, in a container of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tidegate.config import Config
from tidegate.errors import DeployError
from tidegate.gate.budgets import BudgetResult, judge_budgets
from tidegate.registry import EXAMPLES_ARTIFACT, ModelVersion, Registry
from tidegate.release import image as images
from tidegate.release.load import Measured, latency, under_load
from tidegate.release.manners import check_manners
from tidegate.release.release import Release
from tidegate.release.serving import Check, connect, read_examples
from tidegate.verdict import Verdict, worst


@dataclass(frozen=True)
class ImageReport:
    """What was seen of the running image; what comes after a failure is not looked at.

    latency: asked alone. memory_mb: after that; load_memory_mb: the most under the load.
    """

    release: Release
    checks: tuple[Check, ...]
    latency: Mapping[str, float]
    memory_mb: float
    load: Measured | None
    load_memory_mb: float
    budgets: tuple[BudgetResult, ...]
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        checks, budgets = self.checks, self.budgets
        return worst([*(item.verdict for item in checks), *(item.verdict for item in budgets)])

    @property
    def blocked(self) -> bool:
        return self.verdict is not Verdict.PASS

    def to_dict(self) -> dict[str, Any]:
        load = None
        if self.load is not None:
            load = {**self.load.to_dict(), "memory_mb": self.load_memory_mb}
        return {
            "service": self.release.service,
            "image": self.release.to_dict()["image"],
            "release": self.release.id,
            "checks": [check.to_dict() for check in self.checks],
            "latency": dict(self.latency),
            "memory_mb": self.memory_mb,
            "load": load,
            "budgets": [budget.to_dict() for budget in self.budgets],
            "notes": list(self.notes),
        }


def hold_image(config: Config, release: Release, registry: Registry) -> ImageReport:
    """Run the image of a release and hold it to its promises.

    Raises ImageError or DeployError when it cannot be run at all.
    """
    if release.image is None:
        raise DeployError(
            f"{release.id} has no image", remedy="name a release that `tidegate build-image` made"
        )
    client = images.connect()
    images.ensure_present(client, release.image)
    version = registry.version(release.model_version)
    with TemporaryDirectory() as folder:
        examples = read_examples(registry.download(version, EXAMPLES_ARTIFACT, Path(folder)))
    serving = config.serving
    variables = {"TIDEGATE_RELEASE": release.id, "TIDEGATE_MODEL_VERSION": release.model_version}
    name = f"{config.service}-test-{release.id}"
    with (
        images.temporary_container(client, release.image, name, serving.port, variables) as (
            container,
            url,
        ),
        connect(url, serving) as service,
    ):
        seconds = service.wait_until_ready()
        ready = Check("ready", Verdict.PASS, f"after {seconds:.1f} s")
        checks = [ready, service.check_identity(release.id), service.check_predictions(examples)]
        if checks[-1].verdict is not Verdict.PASS:
            # Whether it is quick or polite says nothing while its answers are wrong.
            return _unmeasured(release, checks)
        checks += check_manners(service, examples[0])
        if checks[-1].verdict is not Verdict.PASS:
            return _unmeasured(release, checks)
        alone = latency(service, examples)
        memory = images.memory_megabytes(container)
        with images.watched_memory(container) as seen:
            load = under_load(service, examples, serving.load)
        checks.append(load.check())
        if checks[-1].verdict is not Verdict.PASS:
            return _unmeasured(release, checks)
    most = max(seen)
    measured = {
        **{f"latency-{name.replace('_', '-')}": value for name, value in alone.items()},
        **{f"load-latency-{name.replace('_', '-')}": at for name, at in load.latency.items()},
        "throughput-rps": load.throughput_rps,
        "memory-mb": memory,
        "load-memory-mb": most,
        "image-size-mb": client.images.get(release.image.reference).attrs["Size"] / 1e6,
    }
    budgets, notes = hold_to_budgets(config, version, measured, registry)
    return ImageReport(
        release, tuple(checks), alone, memory, load, most, tuple(budgets), tuple(notes)
    )


def _unmeasured(release: Release, checks: list[Check]) -> ImageReport:
    """A report that ends at a failing check: figures beside it would say nothing."""
    return ImageReport(release, tuple(checks), {}, 0.0, None, 0.0, ())


def hold_to_budgets(
    config: Config, version: ModelVersion, measured: Mapping[str, float], registry: Registry
) -> tuple[list[BudgetResult], list[str]]:
    """(results, notes) of the image's figures, which are logged with its model version.

    Compared with the champion's, unless the version is the champion. Without budgets nothing is
    logged, and the registry not asked.
    """
    budgets = config.gate.budgets if config.gate else {}
    if not budgets:
        return [], []
    registry.log_measurements(version, measured)
    champion = registry.champion()
    if champion is None or champion.version == version.version:
        return judge_budgets(budgets, measured, None)
    return judge_budgets(budgets, measured, registry.measurements(champion))
