"""The contract of the raw data. Imports pandera and polars only: the gates import it, too."""

import pandera.polars as pa


class Samples(pa.DataFrameModel):
    sample_id: int = pa.Field(unique=True, ge=0)
    mean_radius: float = pa.Field(gt=0, lt=100)
    mean_texture: float = pa.Field(gt=0, lt=100)
    mean_smoothness: float = pa.Field(gt=0, lt=1)
    malignant: int = pa.Field(isin=[0, 1])
