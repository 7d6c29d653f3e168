"""What a comparison of two contracts gives: changes of the schema, and of the data files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

# For the data that keeps to it: docs/data-contract.md has the table.
Effect = Literal["breaking", "looser", "tighter", "changed"]

OPPOSITE: dict[Effect, Effect] = {
    "breaking": "breaking",
    "looser": "tighter",
    "tighter": "looser",
    "changed": "changed",
}


@dataclass(frozen=True)
class SchemaChange:
    """One rule that differs between the base and now.

    column is None for the schema and the dataset's config as a whole. before and after are None
    where there is nothing, or where a redacted column has values in them. note says what else a
    reviewer must know.
    """

    column: str | None
    what: str
    before: str | None
    after: str | None
    effect: Effect
    note: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "schema", **vars(self)}


@dataclass(frozen=True)
class DataChange:
    """One data file that differs. Rows are None where they are unknown; note says why."""

    file: str
    change: Literal["added", "removed", "changed"]
    rows_before: int | None
    rows_after: int | None
    note: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "data", **vars(self)}


Change = SchemaChange | DataChange
