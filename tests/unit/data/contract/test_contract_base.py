"""The contract on the base branch, read out of a real repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tidegate.data.contract import Change, SchemaChange
from tidegate.errors import ConfigError
from tidegate.policy.branch import Branch

SCHEMA = """\
import pandera.{backend} as pa

from shop_limits import LIMIT

class Orders(pa.DataFrameModel):
    id: int = pa.Field(unique=True)
    amount: float = pa.Field(ge=0)

    @pa.check("amount")
    def reasonable(cls, {argument}):
        return {body}
"""
BACKENDS = {
    "pandas": ("series", "series < LIMIT"),
    "polars": ("data", "data.lazyframe.select(pa.pl.col(data.key) < LIMIT)"),
}
RAISED = SchemaChange("amount", "lower bound", "at least 0", "at least 1", "tighter")


@pytest.fixture
def service(service: Any) -> Any:
    """With a schema and its config committed."""
    write_schema(service, "polars")
    service.write("shop_limits.py", "LIMIT = 1000\n")
    service.configure()
    service.commit()
    return service


def write_schema(service: Any, backend: str, name: str = "schemas.py") -> None:
    argument, body = BACKENDS[backend]
    service.write(name, SCHEMA.format(backend=backend, argument=argument, body=body))


def edit(service: Any, name: str, old: str, new: str) -> None:
    text = (service.root / name).read_text()
    assert old in text
    service.write(name, text.replace(old, new))


def note(changes: tuple[Change, ...]) -> str:
    """What is said of the one thing that could not be compared."""
    (change,) = changes
    assert isinstance(change, SchemaChange)
    assert (change.effect, change.before, change.after) == ("changed", None, None)
    return str(change.note)


@pytest.mark.parametrize("backend", BACKENDS)
def test_changes__schema_of_the_base_is_held_against_the_one_here(
    service: Any, backend: str
) -> None:
    write_schema(service, backend)
    service.commit()
    edit(service, "schemas.py", "ge=0", "ge=1")
    assert service.changes() == (RAISED,)


@pytest.mark.parametrize("backend", BACKENDS)
def test_changes__nothing_that_counts_is_nothing(service: Any, backend: str) -> None:
    write_schema(service, backend)
    service.commit()
    edit(service, "schemas.py", "        return ", "        # Said anew.\n\n        return ")
    edit(service, "schemas.py", "class Orders", "import os\n\nclass Orders")
    assert service.changes() == ()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("schemas.py", "< LIMIT", "<= LIMIT"), ("shop_limits.py", "1000", "2000")],
)
def test_changes__custom_check_with_other_code_or_constants_is_named(
    service: Any, name: str, old: str, new: str
) -> None:
    edit(service, name, old, new)
    (change,) = service.changes()
    assert (change.column, change.what, change.effect) == ("amount", "check reasonable", "changed")


def test_changes__are_those_since_the_branch_left_the_base(service: Any) -> None:
    service.git("switch", "--quiet", "--create", "feature")
    service.git("switch", "--quiet", "main")
    edit(service, "schemas.py", "ge=0", "ge=5")
    service.commit()
    service.git("switch", "--quiet", "feature")
    assert service.changes() == ()


def test_changes__shallow_clone_is_compared_with_the_ref_itself(
    service: Any, tmp_path: Path
) -> None:
    edit(service, "schemas.py", "ge=0", "ge=1")
    service.git("switch", "--quiet", "--create", "feature")
    service.commit()
    service.git("branch", "--quiet", "--force", "main", "HEAD~1")
    clone = tmp_path / "clone"
    fetch = ["git", "fetch", "--quiet", "--depth=1", "origin", "main:refs/remotes/origin/main"]
    url = f"file://{service.top}"
    for command, folder in (
        (["git", "clone", "--quiet", "--depth=1", url, str(clone)], tmp_path), (fetch, clone)
    ):  # fmt: skip
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    service.top, service.root = clone, clone / "services/shop"
    assert service.changes("origin/main") == (RAISED,)


def test_changes__schema_in_a_package_a_document_or_with_attributes_of_git(service: Any) -> None:
    service.write("src/shop_schemas/__init__.py", "")
    write_schema(service, "polars", "src/shop_schemas/orders.py")
    service.write(".gitattributes", "*.py export-ignore\n*.yaml export-ignore\n")
    service.configure(schema="shop_schemas.orders:Orders")
    document = "schema_type: polars_dataframe\napi: polars\ncolumns:\n  id: {dtype: int64}\n"
    service.write("orders.yaml", document)
    service.commit()
    assert service.changes() == ()
    service.configure(schema="orders.yaml")
    service.commit()
    edit(service, "orders.yaml", "dtype: int64", "dtype: int64, nullable: true")
    assert service.changes() == (SchemaChange("id", "nullable", "off", "on", "looser"),)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("import no_such_module_of_ours\n", "No module named 'no_such_module_of_ours'"),
        ("import sys\nsys.exit(3)\n", "the process that imports it ends"),
        ("Orders = 3\n", "is no pandera schema"),
        ("print('hello')\nclass Orders(:\n", "SyntaxError"),
    ],
)
def test_changes__base_that_does_not_import_is_a_note(
    service: Any, schema: str, message: str
) -> None:
    service.write("old.py", schema)
    service.configure(schema="old.py:Orders")
    service.commit()
    service.configure(schema="schemas.py:Orders")
    (config, *rest) = service.changes()
    assert (config.what, config.before) == ("schema", "old.py:Orders")
    told = note(tuple(rest))
    assert message in told
    assert told.startswith("not compared with main: ")
    assert "tidegate-base-" not in told  # a temporary folder's name
    assert "\n" not in told


def test_changes__schema_that_the_base_does_not_have_is_a_note(service: Any) -> None:
    service.configure(schema="lost.py:Orders")
    service.commit()
    service.configure()
    assert "names a file that does not exist" in note(service.changes()[1:])


def test_changes__module_that_talks_does_not_disturb(service: Any) -> None:
    edit(service, "schemas.py", "class Orders", "print('{}')\n\nclass Orders")
    service.commit()
    assert service.changes() == ()


def test_changes__config_that_cannot_be_read_is_a_note(service: Any) -> None:
    good = (service.root / "tidegate.yaml").read_text()
    for bad, message in (
        ("data: [", "services/shop/tidegate.yaml is not valid YAML there"),
        ("data: {orders: {path: x}}", "data.orders.schema is not valid there: Field required"),
    ):
        service.write("tidegate.yaml", bad)
        service.commit()
        service.write("tidegate.yaml", good)
        assert message in note(service.changes())


def test_changes__dataset_that_is_new(service: Any) -> None:
    (service.root / "tidegate.yaml").unlink()
    service.commit()
    service.configure()
    new = SchemaChange(None, "dataset", None, "orders", "tighter", "new in the config")
    # Its schema was there before.
    edit(service, "schemas.py", "ge=0", "ge=1")
    assert service.changes() == (new, RAISED)
    # Or came with it.
    (service.root / "schemas.py").rename(service.root / "new.py")
    service.configure(schema="new.py:Orders")
    assert service.changes() == (new,)


def test_changes__value_that_the_base_redacts_is_not_disclosed(service: Any) -> None:
    service.configure(more="    redact: [amount]\n")
    service.commit()
    service.configure()
    edit(service, "schemas.py", "ge=0", "ge=987")
    redact, bound = service.changes()
    assert (redact.what, redact.before, redact.after) == ("redact", "amount", "none")
    assert (bound.what, bound.effect, bound.note) == (
        "lower bound", "tighter", "values are redacted",
    )  # fmt: skip
    assert "987" not in str(bound)


def test_at__unknown_base_is_an_error_with_a_remedy(service: Any, tmp_path: Path) -> None:
    for ref in ("no-such-branch", "--help", ""):
        with pytest.raises(ConfigError, match="git does not know the base") as caught:
            service.base(ref)
        assert "git fetch" in str(caught.value.remedy)
    shutil.rmtree(service.top / ".git")
    with pytest.raises(ConfigError, match="not a git repository"):
        service.base()


def test_of_run__base_of_github_actions_and_an_error_where_it_is_not_here(service: Any) -> None:
    root = service.root
    assert Branch.of_run(None, root / "tidegate.yaml", {}) is None
    assert Branch.of_run(None, root / "tidegate.yaml", {"GITHUB_BASE_REF": ""}) is None
    with pytest.raises(ConfigError, match="origin/main"):
        Branch.of_run(None, root / "tidegate.yaml", {"GITHUB_BASE_REF": "main"})
    service.git("update-ref", "refs/remotes/origin/main", "HEAD")
    branch = Branch.of_run(None, root / "tidegate.yaml", {"GITHUB_BASE_REF": "main"})
    assert branch is not None
    assert branch.ref == "origin/main"
