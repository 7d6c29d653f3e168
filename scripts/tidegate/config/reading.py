"""Reading tidegate.yaml: every mistake is one clear message with its file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from tidegate.config import document
from tidegate.config.datasets import Dataset
from tidegate.config.gate import BUDGETS, METRICS, PROBABILITY_METRICS
from tidegate.config.service import Config
from tidegate.config.watch import OBJECTIVES, Watch
from tidegate.errors import ConfigError, suggestion


def load(path: Path) -> Config:
    """Read and check a config.

    Raises ConfigError, which names every mistake with its file and line.
    """
    tree, values = document.read(path)
    values.setdefault("service", path.resolve().parent.name.lower())
    values.setdefault("model", values["service"])
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise _explain(error, tree, path) from None
    config._path = path
    _check_relations(config, tree)
    return config


def _check_relations(config: Config, tree: yaml.Node) -> None:
    """Hold the sections to one another: what no single field can see."""
    for name, dataset in config.data.items():
        _check_dataset(config, tree, name, dataset)
    if config.evaluation is not None:
        for key, task in (("score", "binary"), ("scores", "multiclass"),
                          ("positive_label", "binary")):  # fmt: skip
            if getattr(config.evaluation, key) and config.task != task:
                name = key.replace("_", "-")
                raise ConfigError(
                    f"evaluation.{name} is for task: {task}, and this is {config.task}",
                    where=_where(config.path, tree, ("evaluation", name)),
                    remedy="take it out, or mend the task",
                )
    if config.gate is not None:
        known = METRICS[config.task]
        for section, metrics in (
            ("metrics", config.gate.metrics),
            ("slice-metrics", config.gate.slice_metrics),
        ):
            for name, bound in metrics.items():
                place = ("gate", section, name)
                if bound.function is not None:
                    if "/" in name:
                        raise ConfigError(
                            f"{name!r} cannot be the name of a metric: it has a slash",
                            where=_where(config.path, tree, place),
                            remedy="use letters, digits and hyphens",
                        )
                    if name in known:
                        raise ConfigError(
                            f"{name} is a metric of tidegate's own, and function names another",
                            where=_where(config.path, tree, place),
                            remedy="give the metric of your own another name",
                        )
                    continue
                _known_name(config, tree, place, name, known, "metric")
                evaluation = config.evaluation
                if name in PROBABILITY_METRICS and evaluation is not None:
                    wanted = "scores" if config.task == "multiclass" else "score"
                    if not getattr(evaluation, wanted):
                        raise ConfigError(
                            f"{name} needs a probability, and evaluation names no {wanted}",
                            where=_where(config.path, tree, place),
                            remedy=f"set evaluation.{wanted}, or take the metric out",
                        )
        if config.gate.slice_metrics and config.evaluation and not config.evaluation.slices:
            raise ConfigError(
                "slice-metrics have no slices to judge",
                where=_where(config.path, tree, ("gate", "slice-metrics")),
                remedy="name columns in evaluation.slices, or take slice-metrics out",
            )
        for name in config.gate.budgets:
            _known_name(config, tree, ("gate", "budgets", name), name, BUDGETS, "budget")
    if config.watch is not None:
        _check_watch(config, tree, config.watch)
    for name, environment in config.environments.items():
        if environment.deploy.kind == "kubernetes" and not (config.image and config.image.push):
            raise ConfigError(
                "a cluster is given images by digest, and the config pushes none",
                where=_where(config.path, tree, ("environments", name, "deploy")),
                remedy="set image.repository and image.push: true",
            )
        seen = [name]
        after = environment.after
        while after is not None:
            place = ("environments", name, "after")
            _known_name(config, tree, place, after, tuple(config.environments), "environment")
            if after in seen:
                raise ConfigError(
                    f"environments wait for each other: {' after '.join([*seen, after])}",
                    where=_where(config.path, tree, place),
                    remedy="the environments are an ordered path; the first one has no after",
                )
            seen.append(after)
            after = config.environments[after].after


def _check_watch(config: Config, tree: yaml.Node, watch: Watch) -> None:
    """Hold what is watched to the datasets, metrics and environments that it names."""
    place: tuple[str, ...]
    for name, data in watch.data.items():
        if data.dataset is not None:
            place = ("watch", "data", name, "dataset")
            _known_name(config, tree, place, data.dataset, tuple(config.data), "dataset")
    for name, labels in watch.labels.items():
        for section, bounds, own in (
            ("margins", labels.margins, config.gate and config.gate.metrics),
            ("slice-margins", labels.slice_margins, config.gate and config.gate.slice_metrics),
        ):
            known = tuple(dict.fromkeys([*METRICS[config.task], *(own or {})]))
            for metric in bounds:
                place = ("watch", "labels", name, section, metric)
                _known_name(config, tree, place, metric, known, "metric")
    for name, objective in watch.objectives.items():
        if objective.query is None:
            place = ("watch", "objectives", name)
            _known_name(config, tree, place, name, OBJECTIVES, "objective without a query")
    if watch.environment is not None:
        place = ("watch", "environment")
        known = tuple(config.environments)
        _known_name(config, tree, place, watch.environment, known, "environment")


def _check_dataset(config: Config, tree: yaml.Node, name: str, dataset: Dataset) -> None:
    """Hold a dataset's rules to the reference and the other datasets that they compare with."""
    compared = {
        ("rows", "max-change"): dataset.rows is not None and dataset.rows.max_change is not None,
        ("categories",): dataset.categories is not None,
        ("drift",): "drift" in dataset.model_fields_set and dataset.drift.mode != "off",
    }
    for keys, asked in compared.items():
        if asked and dataset.reference is None:
            raise ConfigError(
                f"data.{name}.{'.'.join(keys)} compares with a reference, and the dataset has none",
                where=_where(config.path, tree, ("data", name, *keys)),
                remedy=f"name an earlier dataset in data.{name}.reference, or take {keys[-1]} out",
            )
    for number, foreign_key in enumerate(dataset.foreign_keys):
        place = ("data", name, "foreign-keys", number, "dataset")
        _known_name(config, tree, place, foreign_key.dataset, tuple(config.data), "dataset")
        if all(name == foreign_key.dataset and own == key for own, key in foreign_key.pairs):
            raise ConfigError(
                "every value of a column exists in that column: the rule asks nothing",
                where=_where(config.path, tree, place),
                remedy="name another dataset, or the keys that the values must exist among",
            )


def _known_name(
    config: Config,
    tree: yaml.Node,
    place: tuple[int | str, ...],
    name: str,
    known: tuple[str, ...],
    kind: str,
) -> None:
    if name not in known:
        raise ConfigError(
            f"{name!r} is no known {kind}" + suggestion(name, known),
            where=_where(config.path, tree, place),
            remedy=f"known: {', '.join(known)}",
        )


def _explain(error: ValidationError, tree: yaml.Node, path: Path) -> ConfigError:
    problems = []
    for item in error.errors():
        place = item["loc"]
        name = ".".join(str(part) for part in place)
        if item["type"] == "extra_forbidden":
            known = _known_keys(place[:-1])
            problem = f"unknown key {place[-1]!r}" + suggestion(str(place[-1]), known)
            if place[:-1]:
                problem += f" (in {'.'.join(str(part) for part in place[:-1])})"
        elif item["type"] == "missing":
            problem = f"{name} is missing"
        else:
            reason = item["msg"].removeprefix("Value error, ")
            problem = f"{name}: {reason[:1].lower()}{reason[1:]}"
            if item["type"] not in {"value_error", "model_type"}:
                problem += f" (it is {item['input']!r})"
        problems.append((_where(path, tree, place), problem))
    first_where, first = problems[0]
    more = "".join(f"\n{where}: {problem}" for where, problem in problems[1:])
    return ConfigError(
        first + more, where=first_where, remedy="docs/config.md lists every key with its type"
    )


def _known_keys(place: tuple[int | str, ...]) -> list[str]:
    """The keys that the section at `place` knows."""
    section: Any = Config
    is_mapping = False  # of names to sections, such as data: the next part is a name
    for part in place:
        if isinstance(part, int) or is_mapping:
            is_mapping = False
            continue
        if isinstance(section, type) and issubclass(section, BaseModel):
            fields = {field.alias or name: field for name, field in section.model_fields.items()}
            if part not in fields:
                return []
            annotation = fields[part].annotation
            section, is_mapping = _section_type(annotation), get_origin(annotation) is dict
    if isinstance(section, type) and issubclass(section, BaseModel):
        return [field.alias or name for name, field in section.model_fields.items()]
    return []


def _section_type(annotation: Any) -> Any:
    """The section inside `X | None` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        inner = _section_type(argument)
        if inner is not None:
            return inner
    return None


def _where(path: Path, tree: yaml.Node | None, place: tuple[int | str, ...]) -> str:
    """`file:line` of the deepest part of `place` that the YAML has."""
    return f"{path}:{_line(tree, place)}"


def line_of(text: str, *keys: str) -> int | None:
    """The line, from 1, of the deepest of the keys that a config has; None for no valid YAML."""
    try:
        return _line(yaml.compose(text, Loader=yaml.SafeLoader), keys)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def _line(tree: yaml.Node | None, place: tuple[int | str, ...]) -> int:
    node, line = tree, 1
    for part in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
            continue
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if key.value == str(part):
                node, line = value, key.start_mark.line + 1
                break
        else:
            break
    return line


def place_of(config: Config, *keys: str) -> str:
    """`file:line` of a key, for messages that point at it; without a file its flag, or the key."""
    if keys[-1] in config._flags:
        return config._flags[keys[-1]]
    if not config.path.is_file():
        return ".".join(keys)
    tree = yaml.compose(config.path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    return _where(config.path, tree, keys)
