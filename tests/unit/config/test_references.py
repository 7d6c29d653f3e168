from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tidegate import references
from tidegate.errors import ConfigError


def test_load__file_and_module_of_a_service(tmp_path: Path) -> None:
    (tmp_path / "src/shop_of_test").mkdir(parents=True)
    (tmp_path / "src/shop_of_test/__init__.py").write_text("name = 'module'\n")
    (tmp_path / "thing.py").write_text("name = 'file'\n")
    before = list(sys.path)
    assert references.load("shop_of_test:name", tmp_path, where="test") == "module"
    assert references.load("thing.py:name", tmp_path, where="test") == "file"
    assert sys.path == before


def test_load__two_services_with_a_file_of_the_same_name(tmp_path: Path) -> None:
    for service in ("a", "b"):
        (tmp_path / service).mkdir()
        (tmp_path / service / "schemas.py").write_text(f"name = {service!r}\n")
    found = [references.load("schemas.py:name", tmp_path / s, where="test") for s in ("a", "b")]
    assert found == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import not_there_at_all\nx = 1\n", "is not installed beside tidegate"),
        ("x = 1 / 0\n", r"broken\.py:1: x = 1 / 0"),
        ("x = (\n", "SyntaxError"),
        ("y = 1\n", "it defines: y"),
    ],
)
def test_load__broken_file_shows_the_users_own_line(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "broken.py").write_text(text)
    with pytest.raises(ConfigError, match=message):
        references.load("broken.py:x", tmp_path, where="test")
