"""The history of watches: one MLflow run each, in an experiment of its own beside the ledger's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from tidegate.registry import Registry
from tidegate.watch.rule import Run

MAX_RUNS = 1_000  # the newest; a watch a day for almost three years
_RUN = "tidegate.watch"


class History:
    """What each watch of one model found, oldest first."""

    def __init__(self, registry: Registry):
        self._registry = registry
        self._experiment = registry.experiment(f"tidegate/{registry.model}/watch")

    def record(self, run: Run, name: str) -> None:
        """Keep a run. It stands as soon as its tag does, which is when it is made."""
        from mlflow.entities import Metric

        at = int(datetime.fromisoformat(run.at).timestamp() * 1000)
        kept = {"at": run.at, "parts": run.parts, "release": run.release, "run_url": run.run_url}
        with self._registry.reachable():
            client = self._registry.client
            made = client.create_run(
                self._experiment, start_time=at, tags={_RUN: json.dumps(kept)}, run_name=name
            )
            figures = [Metric(name, value, at, 0) for name, value in run.figures.items()]
            if figures:
                client.log_batch(made.info.run_id, metrics=figures)
            client.set_terminated(made.info.run_id, end_time=at)

    def runs(self, newest: int = MAX_RUNS) -> list[Run]:
        """The newest runs, oldest first."""
        client, token = self._registry.client, None
        found: list[tuple[str, Mapping[str, float]]] = []
        with self._registry.reachable():
            while len(found) < newest:
                page = client.search_runs(
                    [self._experiment],
                    order_by=["attributes.start_time DESC"],
                    max_results=min(newest, 500),
                    page_token=token,
                )
                found += [(run.data.tags[_RUN], run.data.metrics)
                          for run in page if _RUN in run.data.tags]  # fmt: skip
                token = page.token
                if not token:
                    break
        kept = [Run(**json.loads(text), figures=dict(figures)) for text, figures in found]
        return sorted(kept, key=lambda run: datetime.fromisoformat(run.at))[-newest:]
