"""What the model must have learnt, whatever its metrics say.

Each is tried on the examples of the evaluation set (reports/examples.jsonl), with the values given
here put into each of them.
"""

from typing import Any

Values = dict[str, Any]


def drawn(picture: str) -> Values:
    """Pixels of a picture: as dark as can be where there is a #."""
    return {
        f"pixel_{row}_{column}": 16 if cell == "#" else 0
        for row, line in enumerate(picture.split())
        for column, cell in enumerate(line)
    }


ZERO = drawn("""
    ...##...
    ..####..
    .##..##.
    .##..##.
    .##..##.
    .##..##.
    ..####..
    ...##...
""")
SEVEN = drawn("""
    ..####..
    ..#####.
    .....##.
    ....##..
    ..#####.
    ...##...
    ...##...
    ..##....
""")

# What must not matter: with the one as with the other, each prediction is the same.
SAME: dict[str, tuple[Values, Values]] = {
    "which sample it is does not matter": ({"sample_id": 1}, {"sample_id": 2}),
}
# What must matter: with the second, the class that stands last is more likely than with the first
# by this, on average.
HIGHER: dict[str, tuple[Values, Values, float, str]] = {
    "a zero is a zero, rather than a seven is": (SEVEN, ZERO, 0.5, "0"),
}
# The least that it must get right: the probability of the class that stands last lies between these
# two, on average.
BETWEEN: dict[str, tuple[Values, float, float, str]] = {
    "a clean zero is read": (ZERO, 0.5, 1.0, "0"),
    "a clean seven is read": (SEVEN, 0.5, 1.0, "7"),
}
