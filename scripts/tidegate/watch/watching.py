"""The whole of it: every part looked at, held beside the runs before, and written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from tidegate.config import Config, Watch
from tidegate.context import Context
from tidegate.errors import TidegateError
from tidegate.registry import Registry
from tidegate.runbook import find_runbook
from tidegate.watch.history import History
from tidegate.watch.inputs import watch_data
from tidegate.watch.operations import watch_cost, watch_model_age, watch_objective
from tidegate.watch.prometheus import Prometheus
from tidegate.watch.quality import watch_labels
from tidegate.watch.released import Released
from tidegate.watch.results import Kind, Part, WatchReport
from tidegate.watch.rule import Incident, Rule, Run, Standing, incidents, looks, standings

Look = Callable[[], Sequence[Part] | Part]


def watch(
    config: Config, context: Context, *, record: bool = True, registry: Registry | None = None
) -> WatchReport:
    """Look at everything that the config watches, once.

    record: whether the history takes it. A part that cannot be decided keeps no other from being
    looked at. Raises RegistryError without the registry, which knows what runs and what was.
    """
    wanted = config.need_watch()
    registry = registry or Registry.open(config, context)
    released = Released.read(config, registry)
    history = History(registry)
    parts = tuple(_parts(config, wanted, released, context))
    run = Run(
        at=context.timestamp(),
        parts={part.id: None if part.verdict is None else str(part.verdict) for part in parts},
        release=None if released.release is None else released.release.id,
        run_url=context.run_url(),
        figures={
            f"{part.id}/{figure.name}": figure.value for part in parts for figure in part.figures
        },
    )
    # A run of a later clock is not before this one, whoever wrote it first.
    before = [one for one in history.runs() if one.at <= run.at]
    if record:
        history.record(run, f"watch {config.service}")
    rule = Rule(wanted.fails, wanted.runs, wanted.passes)
    seen = looks([*before, run])
    standing, found = standings(seen, rule), incidents(seen, rule)
    # One that is over is told in the run that ended it, and until the next one begins.
    incident = found[-1] if found else None
    brought_by = {part: _brought_by(released, standing[part]) for part in standing}
    return WatchReport(
        service=config.service,
        commit=context.commit(config.root),
        at=run.at,
        environment=released.environment,
        release=run.release,
        since=released.since,
        parts=parts,
        rule=rule,
        standings=standing,
        brought_by=brought_by,
        runbooks={
            part.id: find_runbook(config, wanted.runbook(part.kind), context.environ)
            for part in parts
        },
        incident=incident,
        action=_action(wanted, released, incident, brought_by),
        recorded=record,
        run_url=run.run_url,
    )


def _parts(config: Config, wanted: Watch, released: Released, context: Context) -> Iterator[Part]:
    """Every part, in the config's order. The clock is looked at once."""
    now = context.now()
    prometheus = None
    if wanted.prometheus is not None:
        prometheus = Prometheus(wanted.prometheus, context.environ)
    work: list[tuple[Kind, str, Look]] = []
    for name, data in wanted.data.items():
        work.append(("data", name, partial(watch_data, config, name, data, released, now)))
    for name, labels in wanted.labels.items():
        work.append(("labels", name, partial(watch_labels, config, name, labels, released)))
    if (age := wanted.tolerated_model_age) is not None:
        work.append(("freshness", "model", partial(watch_model_age, released, age, now)))
    if prometheus is not None:
        for name, objective in wanted.objectives.items():
            asked = (config, wanted, name, objective, prometheus, now)
            work.append(("objectives", name, partial(watch_objective, *asked)))
    if wanted.cost is not None:
        paid = (config, wanted, wanted.cost, prometheus, now)
        work.append(("cost", "total", partial(watch_cost, *paid)))
    for kind, name, look in work:
        try:
            found = look()
            yield from [found] if isinstance(found, Part) else found
        except TidegateError as error:
            yield Part.undecided(kind, name, error)
            if kind == "data" and wanted.data[name].freshness is not None:
                yield Part.undecided("freshness", name, error)


def _brought_by(released: Released, standing: Standing) -> Mapping[str, Any] | None:
    """The release that was promoted between the last pass and the first fail; None for none."""
    if standing.since is None:
        return None
    event = released.promoted_between(standing.last_pass, standing.since)
    return None if event is None else event.to_dict()


def _action(
    wanted: Watch,
    released: Released,
    incident: Incident | None,
    brought_by: Mapping[str, Mapping[str, Any] | None],
) -> dict[str, Any] | None:
    """What an incident that goes on is to start, by the config; None for nothing.

    workflow: None where it is not started after all; why says so.
    """
    if incident is None or incident.ended is not None or wanted.on_fail == "nothing":
        return None
    if wanted.on_fail == "retrain":
        why = "watch.on-fail: retrain"
        return {"kind": "retrain", "workflow": wanted.retrain_workflow, "inputs": {}, "why": why}
    events = [brought_by.get(part) for part in incident.failing]
    release = None if released.release is None else released.release.id
    brought = next((one for one in events if one is not None and one["release"] == release), None)
    if brought is None:
        why = "no roll-back: what runs was not promoted between the last pass and the first fail"
        return {"kind": "roll-back", "workflow": None, "inputs": {}, "why": why}
    reason = f"watch: {', '.join(incident.failing)} fail since {incident.since}"
    return {
        "kind": "roll-back",
        "workflow": wanted.rollback_workflow,
        "inputs": {"environment": str(released.environment), "reason": reason[:200]},
        "why": f"watch.on-fail: roll-back, and {release} came before the first fail",
    }
