"""What the model must have learnt, whatever its metrics say.

Each is tried on the examples of the evaluation set (reports/examples.jsonl), with the values given
here put into each of them.
"""

from typing import Any

Values = dict[str, Any]

MORNING: Values = {"sched_dep_time": 600, "sched_arr_time": 800}
EVENING: Values = {"sched_dep_time": 1900, "sched_arr_time": 2200}
CALM: Values = {"wind_speed": 5.0, "precip": 0.0, "humid": 40.0, "visib": 10.0}
STORM: Values = {"wind_speed": 25.0, "precip": 0.3, "humid": 95.0, "visib": 1.0}

# What must not matter: with the one as with the other, each prediction is the same.
SAME: dict[str, tuple[Values, Values]] = {
    "of a date, only the day of the week matters": ({"date": "2013-07-01"}, {"date": "2013-07-08"}),
    "which plane it is does not matter": ({}, {"tailnum": "N14228"}),
}
# What must matter: with the second, predictions are higher than with the first by this, on average.
HIGHER: dict[str, tuple[Values, Values, float]] = {
    "delays add up over the day": (MORNING, EVENING, 0.05),
    "bad weather makes flights late": (CALM, STORM, 0.05),
}
# The least that it must get right: predictions lie between these two, on average.
BETWEEN: dict[str, tuple[Values, float, float]] = {
    "an early flight in calm weather is on time": ({**MORNING, **CALM}, 0.0, 0.2),
    "a late flight in a storm is not sure to be on time": ({**EVENING, **STORM}, 0.25, 1.0),
}
