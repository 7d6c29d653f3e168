"""The contract of the raw data. Imports pandera and polars only: the gates import it, too."""

import pandera.polars as pa


class Samples(pa.DataFrameModel):
    sample_id: int = pa.Field(unique=True, ge=0)
    digit: str = pa.Field(isin=[str(digit) for digit in range(10)])
    pixels: int = pa.Field(alias=r"^pixel_[0-7]_[0-7]$", regex=True, ge=0, le=16)
