"""python by_great_expectations.py FOLDER: the rules, save types, in a suite on a pandas frame."""

import sys
from datetime import datetime

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd

CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "HA", "MQ", "OO", "UA", "US", "WN"]
RANGES = {
    "quantity": (1, 100), "age": (0, 120), "price": (0, None), "discount": (0, 0.5),
    "low": (0, None), "high": (None, 1), "score": (0, 1), "temperature": (-60, 60),
}  # fmt: skip

frame = pd.read_parquet(sys.argv[1])
context = gx.get_context(mode="ephemeral")
asset = context.data_sources.add_pandas("tables").add_dataframe_asset("table")
batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
suite = gx.ExpectationSuite(
    name="table",
    expectations=[
        *(
            gxe.ExpectColumnValuesToNotBeNull(column=name)
            for name in frame.columns
            if name != "temperature"
        ),
        *(
            gxe.ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high)
            for name, (low, high) in RANGES.items()
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="at",
            min_value=datetime(2013, 1, 1),
            max_value=datetime(2014, 1, 1),
            strict_max=True,
        ),
        gxe.ExpectColumnValuesToBeInSet(column="carrier", value_set=CARRIERS),
        gxe.ExpectColumnValuesToMatchRegex(column="code", regex=r"^[A-Z]{2}[0-9]{4}$"),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="high", column_B="low", or_equal=True),
        gxe.ExpectColumnValuesToBeUnique(column="id"),
    ],
)
found = batch.validate(suite)
if not found.success:
    sys.exit(str(found))
print(found.statistics)
