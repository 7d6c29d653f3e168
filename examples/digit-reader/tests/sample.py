"""A few raw rows, as they come in."""

import polars as pl

from digit_reader.features import PIXELS

N = 60
RAW = pl.DataFrame(
    {
        "sample_id": list(range(N)),
        "digit": [str(index % 10) for index in range(N)],
        **{
            pixel: [(index % 10 * place + index) % 17 for index in range(N)]
            for place, pixel in enumerate(PIXELS)
        },
    }
)
REQUEST = {pixel: place % 17 for place, pixel in enumerate(PIXELS)}
SCHEMA = "Samples"
