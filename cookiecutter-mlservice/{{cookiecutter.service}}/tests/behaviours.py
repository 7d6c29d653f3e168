"""What the model must have learnt, whatever its metrics say. Yours to write.

Each is tried on the examples of the evaluation set (reports/examples.jsonl), with the values given
here put into each of them.
"""

from typing import Any

Values = dict[str, Any]

# What must not matter: with the one as with the other, each prediction is the same.
SAME: dict[str, tuple[Values, Values]] = {
    "which sample it is does not matter": ({"sample_id": 1}, {"sample_id": 2}),
}
{%- if cookiecutter.task == "binary" %}
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
{%- elif cookiecutter.task == "multiclass" %}
# What must matter: with the second, the class that stands last is more likely than with the first
# by this, on average.
HIGHER: dict[str, tuple[Values, Values, float, str]] = {
    "a strong one is rather a barolo": ({"alcohol": 12.0}, {"alcohol": 14.0}, 0.1, "barolo"),
    "a pale one is rather a grignolino": (
        {"color_intensity": 7.0},
        {"color_intensity": 2.5},
        0.1,
        "grignolino",
    ),
}
# The least that it must get right: the probability of the class that stands last lies between these
# two, on average.
BETWEEN: dict[str, tuple[Values, float, float, str]] = {
    "what is strong, deep and rich in flavanoids is a barolo": (
        {"alcohol": 14.0, "color_intensity": 6.0, "flavanoids": 3.0},
        0.7,
        1.0,
        "barolo",
    ),
}
{%- else %}
# What must matter: with the second, predictions are higher than with the first by this, on average.
HIGHER: dict[str, tuple[Values, Values, float]] = {
    "it goes faster with more weight": ({"bmi": 20.0}, {"bmi": 35.0}, 20.0),
}
# The least that it must get right: predictions lie between these two, on average.
BETWEEN: dict[str, tuple[Values, float, float]] = {
    "who is slim, with little fat in the blood, has time": ({"bmi": 20.0, "s5": 3.8}, 25.0, 150.0),
}
{%- endif %}
