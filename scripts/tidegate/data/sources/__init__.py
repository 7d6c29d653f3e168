"""Where tables come from: found, opened and read lazily, each file by itself.

What opens and reads them is imported from its own module: it needs Polars, which takes a while.
"""

from tidegate.data.sources.digests import (
    DatasetFiles,
    combined_digest,
    data_digest,
    dataset_digest,
)
from tidegate.data.sources.finding import (
    Location,
    find_files,
    locate,
    locate_dataset,
)

__all__ = [
    "DatasetFiles",
    "Location",
    "combined_digest",
    "data_digest",
    "dataset_digest",
    "find_files",
    "locate",
    "locate_dataset",
]
