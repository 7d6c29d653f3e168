"""What a config refers to and is not there: the message points at the config's own line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate import config as configs
from tidegate.data.checks import check_dataset
from tidegate.errors import TidegateError

CONFIG = """\
service: shop
data:
  orders:
    path: data/*.csv
    schema: schemas.py:Orders
"""


DATA = {"data/orders.csv": "a\n1\n"}


@pytest.mark.parametrize(
    ("files", "line", "message"),
    [
        ({}, 4, "no data file is there"),
        (DATA, 5, "names a file that does not exist"),
        ({**DATA, "schemas.py": "x = 1 / 0"}, 5, "does not import: ZeroDivisionError"),
        ({**DATA, "schemas.py": "Orders = 3"}, 5, "is no pandera schema"),
    ],
)
def test_check_dataset__what_is_not_there_points_at_its_line_of_the_config(
    tmp_path: Path, files: dict[str, str], line: int, message: str
) -> None:
    (tmp_path / "tidegate.yaml").write_text(CONFIG)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    config = configs.load(tmp_path / "tidegate.yaml")
    with pytest.raises(TidegateError, match=message) as caught:
        check_dataset(config, "orders", config.data["orders"])
    assert f"tidegate.yaml:{line}" in str(caught.value.where)
    assert caught.value.remedy
