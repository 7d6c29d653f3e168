"""What a file's name says of its format and its compression."""

from __future__ import annotations

from typing import Literal

Format = Literal["Parquet", "CSV", "JSON lines"]
Compression = Literal["gzip", "zstd"]

_FORMATS: dict[str, Format] = {
    ".parquet": "Parquet",
    ".csv": "CSV",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
}
_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
SUFFIXES = tuple(
    suffix + packed
    for suffix in _FORMATS
    for packed in ("", *(() if suffix == ".parquet" else _COMPRESSIONS))
)


def format_of(name: str) -> Format | None:
    """None for a name that is of no table. Case does not matter."""
    name = name.lower()
    return next((_FORMATS[_plain(suffix)] for suffix in SUFFIXES if name.endswith(suffix)), None)


def compression_of(name: str) -> Compression | None:
    name = name.lower()
    return next((kind for end, kind in _COMPRESSIONS.items() if name.endswith(end)), None)


def _plain(suffix: str) -> str:
    for end in _COMPRESSIONS:
        suffix = suffix.removesuffix(end)
    return suffix
