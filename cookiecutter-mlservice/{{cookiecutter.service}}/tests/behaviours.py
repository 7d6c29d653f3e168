"""What the model must have learnt, whatever its metrics say. Yours to write.

Each is tried on the examples of the evaluation set (reports/examples.jsonl), with the values given
here put into each of them.
"""

from typing import Any

Values = dict[str, Any]

# What must not matter: with the one as with the other, each prediction is the same.
SAME: dict[str, tuple[Values, Values]] = {
    "a column that no request must hold does not matter": ({}, {"sample_id": 7}),
}
# What must matter: with the second, predictions are higher than with the first by this, on average.
HIGHER: dict[str, tuple[Values, Values, float]] = {
    "a large tumour is more likely to be malignant": ({"mean_radius": 8}, {"mean_radius": 25}, 0.5),
    "a rough one is more likely to be malignant": (
        {"mean_smoothness": 0.07},
        {"mean_smoothness": 0.13},
        0.1,
    ),
}
# The least that it must get right: predictions lie between these two, on average.
BETWEEN: dict[str, tuple[Values, float, float]] = {
    "what is small, smooth and even is benign": (
        {"mean_radius": 8, "mean_texture": 12, "mean_smoothness": 0.07},
        0.0,
        0.1,
    ),
    "what is large, rough and uneven is malignant": (
        {"mean_radius": 25, "mean_texture": 30, "mean_smoothness": 0.13},
        0.9,
        1.0,
    ),
}
