"""The contract of the raw data. Imports pandera and polars only: the gates import it, too."""

import pandera.polars as pa


class Samples(pa.DataFrameModel):
    sample_id: int = pa.Field(unique=True, ge=0)
{%- if cookiecutter.task == "binary" %}
    mean_radius: float = pa.Field(gt=0, lt=100)
    mean_texture: float = pa.Field(gt=0, lt=100)
    mean_smoothness: float = pa.Field(gt=0, lt=1)
    malignant: int = pa.Field(isin=[0, 1])
{%- elif cookiecutter.task == "multiclass" %}
    alcohol: float = pa.Field(gt=5, lt=20)
    flavanoids: float = pa.Field(ge=0, lt=10)
    color_intensity: float = pa.Field(gt=0, lt=20)
    wine: str = pa.Field(isin=["barbera", "barolo", "grignolino"])
{%- else %}
    age: float = pa.Field(ge=0, lt=120)
    bmi: float = pa.Field(gt=10, lt=80)
    bp: float = pa.Field(gt=30, lt=200)
    s5: float = pa.Field(gt=0, lt=20)
    progression: float = pa.Field(ge=0)
{%- endif %}
