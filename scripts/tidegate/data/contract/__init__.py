"""What a pull request changes in a dataset's contract, and in the data that is tracked with DVC."""

from __future__ import annotations

from dataclasses import replace

from tidegate.config import Dataset
from tidegate.data.contract.base import Base
from tidegate.data.contract.comparison import compare
from tidegate.data.contract.data_changes import data_changes
from tidegate.data.contract.findings import Change, DataChange, SchemaChange
from tidegate.data.contract.settings import compare_settings
from tidegate.data.results import DatasetResult
from tidegate.policy.git import GitError

__all__ = ["Base", "Change", "DataChange", "SchemaChange", "contract_changes", "with_contract"]


def with_contract(result: DatasetResult, base: Base) -> DatasetResult:
    """The result of a dataset with what its contract and data have changed since the base."""
    dataset = base.config.need_dataset(result.name)
    return replace(result, contract=contract_changes(result.name, dataset, base))


def contract_changes(name: str, dataset: Dataset, base: Base) -> tuple[Change, ...]:
    """What is different from the base: keys of the dataset's config, its schema, its data files.

    What cannot be compared is a change with a note that says why. None of it decides a verdict.
    """
    return (
        *_config_changes(name, dataset, base),
        *_schema_changes(name, dataset, base),
        *_data_changes(dataset, base),
    )


def _config_changes(name: str, dataset: Dataset, base: Base) -> list[SchemaChange]:
    before = base.dataset(name)
    if isinstance(before, str):
        return [_not_compared("config", base, before)]
    if before is None:
        return [SchemaChange(None, "dataset", None, name, "tighter", "new in the config")]
    return list(compare_settings(before, dataset))


def _schema_changes(name: str, dataset: Dataset, base: Base) -> list[SchemaChange]:
    before, config = base.description(name), base.dataset(name)
    if isinstance(before, str):
        # A dataset that is new has a schema that is new, as a rule.
        return [] if config is None else [_not_compared("schema", base, before)]
    # What either side redacts is shown by neither: a pull request must not disclose it.
    redact = [*dataset.redact, *(config.redact if isinstance(config, Dataset) else ())]
    after = base.own_description(name)
    if isinstance(after, str):
        return [_not_compared("schema", base, f"here, {after}")]
    return compare(before, after, redact)


def _data_changes(dataset: Dataset, base: Base) -> list[DataChange | SchemaChange]:
    try:
        return [*data_changes(dataset, base)]
    except GitError as error:
        return [_not_compared("data files", base, str(error))]


def _not_compared(what: str, base: Base, reason: str) -> SchemaChange:
    note = f"not compared with {base.ref}: {reason}"
    return SchemaChange(None, what, None, None, "changed", note)
