"""What the model must have learnt, whatever its metrics say.

Each is tried on the examples of the evaluation set (reports/examples.jsonl), with the values given
here put into each of them.
"""

from typing import Any

Values = dict[str, Any]

# What must not matter: with the one as with the other, each prediction is the same.
SAME: dict[str, tuple[Values, Values]] = {
    "of a date, only the day of the week matters": ({"date": "2013-07-01"}, {"date": "2013-07-08"}),
    "which plane it is does not matter": ({}, {"tailnum": "N14228"}),
}
# What must matter: with the second, predictions are higher than with the first by this, on average.
HIGHER: dict[str, tuple[Values, Values, float]] = {
    "who leaves late arrives late": ({"dep_delay": 0.0}, {"dep_delay": 60.0}, 40.0),
}
# The least that it must get right: predictions lie between these two, on average.
BETWEEN: dict[str, tuple[Values, float, float]] = {
    "who leaves in time is not far from it on arrival": ({"dep_delay": 0.0}, -20.0, 15.0),
}
