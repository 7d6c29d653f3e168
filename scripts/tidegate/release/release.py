"""A release: what moves between environments. Immutable, and named by its own digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tidegate import digest


@dataclass(frozen=True)
class ImageReference:
    """An image by content. digest: of the registry's manifest; None while it is on one engine only.

    reference: repository@sha256:... where it was pushed, else the engine's image id.
    """

    reference: str
    digest: str | None


@dataclass(frozen=True)
class Release:
    """One model version, one image, and what they were made from and judged by."""

    service: str
    model: str
    model_version: str
    image: ImageReference | None
    commit: str | None
    data_digest: str | None
    record_digest: str
    author: str
    created_at: str

    @property
    def id(self) -> str:
        content = digest.of_json(asdict(self)).removeprefix("sha256:")
        return f"v{self.model_version}-{content[:7]}"

    def to_dict(self) -> dict[str, Any]:
        return {"id": self.id, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Release:
        fields = {name: value for name, value in values.items() if name != "id"}
        image = fields.pop("image")
        return cls(image=None if image is None else ImageReference(**image), **fields)
