"""How releases are made and go out: `registry`, `image`, `serving`, `environments`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from tidegate.config.values import Section


class Registry(Section):
    """The MLflow tracking server and the names of the aliases."""

    tracking_uri: str = Field(
        "sqlite:///mlflow.db", description="MLFLOW_TRACKING_URI in the environment wins over it."
    )
    champion_alias: str = Field("champion", pattern=r"^[\w-]+$")
    challenger_alias: str = Field("challenger", pattern=r"^[\w-]+$")
    trusted_pickles: list[str] = Field(
        default_factory=list,
        description="What a model's pickles may import besides the known libraries of models "
        "(a module, or module.name), and files of a model folder that are loaded unread. "
        "docs/threat-model.md tells what is looked for.",
    )


class Image(Section):
    """How the image is built and what it is called."""

    repository: str = Field(description="Image name without a tag, such as ghcr.io/acme/fraud.")
    context: str = "."
    dockerfile: str = "Dockerfile"
    push: bool = False
    cache: str | None = Field(
        None,
        description="Reference in a registry that keeps the build's layers from one run to the "
        "next, such as ghcr.io/acme/fraud:cache; for buildx.",
    )
    attested_by: str | None = Field(
        None,
        pattern=r"^[\w.-]+/[\w.-]+/\.github/workflows/[\w.-]+\.ya?ml$",
        description="Workflow, OWNER/REPOSITORY/.github/workflows/FILE, without whose signature "
        "over image and gate record nothing is promoted; docs/images.md tells.",
    )

    @model_validator(mode="after")
    def _attested_where_it_is_pushed(self) -> Self:
        if self.attested_by is not None and not self.push:
            raise ValueError("attested-by needs push: true: what is signed is what was pushed")
        return self


class Load(Section):
    """What test-image sends to measure the service at work."""

    requests: int = Field(400, ge=20, description="How many in all.")
    concurrency: int = Field(4, ge=1, le=100, description="How many at a time.")
    rows: int = Field(1, ge=1, description="Rows of the examples in each.")


class Serving(Section):
    """How to talk to the running service. The defaults are MLflow's scoring protocol."""

    port: int = Field(8080, ge=1, le=65535, description="Port inside the container.")
    ready: str = Field("/health", description="Answers 200 once predictions can be served.")
    predict: str = Field("/invocations", description='Takes {"dataframe_records": [...]}.')
    examples: str = Field(
        "reports/examples.jsonl",
        description="JSON lines {request, expected}: rows of the evaluation set and the offline "
        "prediction, which the running image must repeat.",
    )
    tolerance: float = Field(1e-6, ge=0, description="Greatest difference from the offline value.")
    startup_seconds: float = Field(60, gt=0)
    load: Load = Load()


class Deploy(Section):
    """What puts a release on an environment."""

    kind: Literal["docker", "command", "kubernetes"]
    port: int | None = Field(None, ge=1, le=65535, description="docker: port on the host.")
    run: str | None = Field(None, description="command: given the release in TIDEGATE_* variables.")
    url: str | None = Field(
        None,
        description="command, kubernetes: where the deployed service answers. Without one, "
        "kubernetes forwards a port to one of its pods.",
    )
    overlay: str | None = Field(
        None, description="kubernetes: folder of the kustomize overlay. Never written to."
    )
    deployment: str | None = Field(
        None,
        description="kubernetes: the Deployment's name, as the overlay renders it. Default: the "
        "service's name.",
    )
    context: str | None = Field(
        None, description="kubernetes: the kubectl context. Default: the current one."
    )
    namespace: str | None = Field(
        None, description="kubernetes: where the Deployment lives. Default: the context's."
    )
    side_pod: bool = Field(
        True,
        description="kubernetes: whether the release is verified in a pod of its own before the "
        "rollout. It needs room for one pod more.",
    )
    timeout_seconds: float = Field(
        900,
        gt=0,
        allow_inf_nan=False,
        description="command, kubernetes: how long one deployment may take; it is ended then.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"docker": ("port",), "command": ("run", "url"), "kubernetes": ("overlay",)}
        for name in needed[self.kind]:
            if getattr(self, name) is None:
                raise ValueError(f"deploy kind {self.kind} needs {name}")
        return self


class Environment(Section):
    """A place that runs one release at a time."""

    after: str | None = Field(None, description="Environment that must hold the release first.")
    soak_minutes: float = Field(0, ge=0, description="For how long it must have held it.")
    approval: Literal["none", "environment", "dispatch"] = Field(
        "none", description="How a person is asked; docs/releases.md tells."
    )
    approvers: list[str] = Field([], description="dispatch: GitHub logins who may approve.")
    deploy: Deploy

    @model_validator(mode="after")
    def _approvers(self) -> Self:
        if self.approval == "dispatch" and not self.approvers:
            raise ValueError("approval: dispatch needs approvers, a list of GitHub logins")
        return self
