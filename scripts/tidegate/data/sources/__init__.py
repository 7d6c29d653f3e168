"""Where tables come from: found, opened and read lazily, each file by itself."""

from tidegate.data.sources.digests import (
    combined_digest,
    data_digest,
    dataset_digest,
    dataset_digest_beside,
)
from tidegate.data.sources.finding import (
    Location,
    find_files,
    locate,
    locate_dataset,
)
from tidegate.data.sources.opening import TableFile, open_files, readable
from tidegate.data.sources.reading import read_table

__all__ = [
    "Location",
    "TableFile",
    "combined_digest",
    "data_digest",
    "dataset_digest",
    "dataset_digest_beside",
    "find_files",
    "locate",
    "locate_dataset",
    "open_files",
    "read_table",
    "readable",
]
