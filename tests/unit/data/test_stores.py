"""Datasets in object stores, held against real servers on this machine."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import httpx
import obstore
import polars as pl
import pytest
from obstore.exceptions import GenericError, UnknownConfigurationKeyError
from obstore.store import from_url

from object_stores import LISTER, google_server, s3_server
from ports import free_port
from tidegate.cli import main
from tidegate.data.sources import dataset_digest, find_files, locate
from tidegate.data.sources.opening import TableFile, open_files, readable
from tidegate.data.sources.stores import _CREDENTIALS, _SETTINGS, store_of, trouble
from tidegate.errors import ConfigError, DataError

pytestmark = pytest.mark.xdist_group("object stores")

FIRST = pl.DataFrame({"id": [1, 2, 3], "name": ["a", None, "c"]})
SECOND = pl.DataFrame({"id": [4], "name": ["d"]})
Environment = dict[str, str]


def put(environ: Environment, address: str, path: Path) -> None:
    store, key = store_of(address, environ, where="")
    if store.kind == "s3":
        obstore.put(store._client(), key, path)
        return
    # fake-gcs-server takes uploads by Google's other interface alone.
    account = json.loads(Path(environ["GOOGLE_SERVICE_ACCOUNT"]).read_text())
    httpx.post(
        f"{account['gcs_base_url']}/upload/storage/v1/b/lake/o",
        params={"uploadType": "media", "name": key},
        content=path.read_bytes(),
    ).raise_for_status()


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    folder = tmp_path_factory.mktemp("s3")
    with s3_server(folder) as environ:
        fill(environ, "s3://lake", folder)
        yield environ


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    folder = tmp_path_factory.mktemp("google")
    (folder / "data/lake").mkdir(parents=True)
    with google_server(folder) as environ:
        fill(environ, "gs://lake", folder)
        yield environ


def fill(environ: Environment, bucket: str, folder: Path) -> None:
    FIRST.write_parquet(folder / "a.parquet")
    SECOND.write_parquet(folder / "b.parquet")
    FIRST.write_csv(folder / "a.csv")
    SECOND.write_ndjson(folder / "b.jsonl")
    (folder / "note.txt").write_text("no table")
    for name in ("a.parquet", "a.csv", "b.jsonl", "note.txt"):
        put(environ, f"{bucket}/flat/{name}", folder / name)
    for month, name in ((1, "a.parquet"), (2, "b.parquet")):
        put(environ, f"{bucket}/parts/year=2013/month={month}/{name}", folder / name)
    put(environ, f"{bucket}/parts/_temporary/month=3/b.parquet", folder / "b.parquet")


@pytest.fixture(params=["s3", "google"])
def cloud(request: pytest.FixtureRequest) -> tuple[str, Environment]:
    scheme = {"s3": "s3", "google": "gs"}[request.param]
    return f"{scheme}://lake", request.getfixturevalue(request.param)


def opened(environ: Environment, path: str, folder: Path) -> list[TableFile]:
    found = locate(path, Path("/"), where="dataset orders", environ=environ)
    return open_files(found, folder)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("flat/a.parquet", ["a.parquet"]),
        ("flat/*.csv", ["a.csv"]),
        ("flat/[b].js*", ["b.jsonl"]),
        ("parts", ["year=2013/month=1/a.parquet", "year=2013/month=2/b.parquet"]),
        ("parts/", ["year=2013/month=1/a.parquet", "year=2013/month=2/b.parquet"]),
        ("parts/year=2013/month=2", ["b.parquet"]),
        ("parts/year=2013/*", ["month=1/a.parquet", "month=2/b.parquet"]),
        ("parts/**/b.parquet", ["year=2013/month=2/b.parquet"]),
        ("**/month=1/*", ["parts/year=2013/month=1/a.parquet"]),
    ],
)
def test_locate__objects_as_files_are(
    cloud: tuple[str, Environment], path: str, expected: list[str]
) -> None:
    bucket, environ = cloud
    found = locate(f"{bucket}/{path}", Path("/"), where="", environ=environ)
    assert [location.name for location in found] == expected
    for location in found:
        assert location.address.startswith(f"{bucket}/{path.partition('/')[0].strip('*')}")


@pytest.mark.parametrize(
    ("path", "expected"),
    [("flat/a.parquet", FIRST), ("flat/*.csv", FIRST), ("flat/b.jsonl", SECOND)],
)
def test_open_files__objects_hold_what_was_put(
    cloud: tuple[str, Environment], tmp_path: Path, path: str, expected: pl.DataFrame
) -> None:
    bucket, environ = cloud
    (file,) = opened(environ, f"{bucket}/{path}", tmp_path)
    assert (file.rows, dict(file.schema)) == (expected.height, dict(expected.schema))
    assert file.path == f"{bucket}/flat/{file.name}"
    assert file.scan().collect().equals(expected)
    # Of what was fetched only its Parquet form is kept.
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} <= {".parquet"}


def test_open_files__folders_of_a_bucket_are_columns(
    cloud: tuple[str, Environment], tmp_path: Path
) -> None:
    bucket, environ = cloud
    table = pl.concat([file.scan() for file in opened(environ, f"{bucket}/parts", tmp_path)])
    assert table.select("id", "year", "month").collect().rows() == [
        (1, 2013, 1), (2, 2013, 1), (3, 2013, 1), (4, 2013, 2)
    ]  # fmt: skip


def test_dataset_digest__of_objects_is_one_however_they_are_named(
    cloud: tuple[str, Environment], tmp_path: Path
) -> None:
    bucket, environ = cloud

    def digest(path: str) -> str:
        return dataset_digest(locate(path, tmp_path, where="", environ=environ), tmp_path)

    name = "s3" if bucket.startswith("s3") else "gs"
    changing = f"{bucket}/changing-{name}.csv"
    FIRST.write_csv(tmp_path / "a.csv")
    put(environ, changing, tmp_path / "a.csv")
    before = digest(changing)
    assert before == digest(changing.replace("changing-", "changing*"))
    put(environ, changing, tmp_path / "a.csv")
    assert before == digest(changing)
    (tmp_path / "a.csv").write_text((tmp_path / "a.csv").read_text().replace("c", "x"))
    put(environ, changing, tmp_path / "a.csv")
    assert before != digest(changing)


def missing(environ: Environment) -> Environment:
    return environ


def unreachable(environ: Environment) -> Environment:
    return environ | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}


def unknown(environ: Environment) -> Environment:
    return environ | {"AWS_ACCESS_KEY_ID": "intruder"}


def mistaken(environ: Environment) -> Environment:
    return environ | {"AWS_SECRET_ACCESS_KEY": "hush-hush"}


@pytest.mark.parametrize("path", ["parts", "parts/*", "flat/a.parquet"])
@pytest.mark.parametrize(
    ("bucket", "change", "message"),
    [
        ("nowhere", missing, "there is no such bucket"),
        ("lake", unreachable, "the store cannot be reached"),
        ("lake", unknown, "access is denied"),
        ("lake", mistaken, "access is denied"),
    ],
)
def test_locate__store_that_does_not_let_us_in(
    s3: Environment, path: str, bucket: str, change: object, message: str
) -> None:
    assert callable(change)
    with pytest.raises(DataError, match=message) as caught:
        locate(f"s3://{bucket}/{path}", Path("/"), where="dataset orders", environ=change(s3))
    assert caught.value.where == f"dataset orders: s3://{bucket}/{path}"
    assert caught.value.remedy
    assert "secret" not in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("path", ["none.parquet", "none/*", "flat/*.parq"])
def test_locate__nothing_there(s3: Environment, path: str) -> None:
    with pytest.raises(DataError, match="no data file is there"):
        locate(f"s3://lake/{path}", Path("/"), where="", environ=s3)


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_open_files__listed_but_not_to_be_read(s3: Environment, tmp_path: Path, name: str) -> None:
    key, secret = LISTER
    lister = s3 | {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    with pytest.raises(DataError, match=rf"flat/{name}: access is denied"):
        opened(lister, f"s3://lake/flat/{name}*", tmp_path)


@pytest.mark.parametrize("name", ["x.parquet", "x.csv"])
def test_open_files__object_that_vanished(s3: Environment, tmp_path: Path, name: str) -> None:
    FIRST.write_parquet(tmp_path / name)
    put(s3, f"s3://lake/vanishing/{name}", tmp_path / name)
    found = locate(f"s3://lake/vanishing/{name}", Path("/"), where="", environ=s3)
    obstore.delete(store_of("s3://lake", s3, where="")[0]._client(), f"vanishing/{name}")
    with pytest.raises(DataError, match=rf"vanishing/{name}: the object does not exist"):
        open_files(found, tmp_path / "work")


def test_open_files__object_that_changed_meanwhile(s3: Environment, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n")
    put(s3, "s3://lake/changed/a.csv", path)
    found = locate("s3://lake/changed", Path("/"), where="", environ=s3)
    path.write_text("id\n2\n")
    put(s3, "s3://lake/changed/a.csv", path)
    with pytest.raises(DataError, match="the object changed while it was read"):
        open_files(found, tmp_path / "work")


def test_readable__object_that_vanished_after_it_was_opened(
    s3: Environment, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        FIRST.write_parquet(tmp_path / f"{name}.parquet")
        put(s3, f"s3://lake/late/{name}.parquet", tmp_path / f"{name}.parquet")
    files = opened(s3, "s3://lake/late", tmp_path / "work")
    obstore.delete(store_of("s3://lake", s3, where="")[0]._client(), "late/b.parquet")
    gone = pytest.raises(DataError, match=r"late/b\.parquet: the object does not exist")
    with gone, readable(files):
        pl.concat([file.scan() for file in files]).collect()


@pytest.mark.parametrize("damage", ["cut", "footer"])
def test_open_files__damaged_object_is_no_fault_of_the_store(
    s3: Environment, tmp_path: Path, damage: str
) -> None:
    FIRST.write_parquet(tmp_path / "a.parquet")
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    footer = int.from_bytes(content[-8:-4], "little")
    content[-8 - footer] ^= 0xFF
    (tmp_path / "a.parquet").write_bytes(content if damage == "footer" else content[:-5])
    put(s3, f"s3://lake/{damage}/a.parquet", tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"/a\.parquet: the file cannot be read"):
        opened(s3, f"s3://lake/{damage}/a.parquet", tmp_path / "work")


def test_open_files__damage_in_fetched_text_names_the_object(
    s3: Environment, tmp_path: Path
) -> None:
    (tmp_path / "a.csv.gz").write_bytes(b"\x1f\x8b\x08\x00")
    put(s3, "s3://lake/damaged/a.csv.gz", tmp_path / "a.csv.gz")
    with pytest.raises(DataError, match="it is cut off") as caught:
        opened(s3, "s3://lake/damaged", tmp_path / "work")
    assert caught.value.where == "s3://lake/damaged/a.csv.gz"


SCHEMA = """
import pandera.polars as pa

class Orders(pa.DataFrameModel):
    id: int = pa.Field(lt=4)
    name: str = pa.Field(nullable=True)
    year: int = pa.Field(ge=2013)
    month: int
"""


def test_check_data__dataset_in_a_bucket(
    s3: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "schemas.py").write_text(SCHEMA)
    code = main(["check-data", "--data", "s3://lake/parts", "--schema", "schemas.py:Orders"])
    report = json.loads((tmp_path / "reports/tidegate/check-data.json").read_text())
    (dataset,) = report["datasets"]
    assert (code, dataset["verdict"], dataset["rows"], dataset["files"]) == (1, "fail", 4, 2)
    failing = {check["check"]: check for check in dataset["checks"] if check["failing_rows"]}
    assert set(failing) == {"less_than(4)"}
    (example,) = failing["less_than(4)"]["examples"]
    assert (example["file"], example["row"]) == ("year=2013/month=2/b.parquet", 0)
    found = locate("s3://lake/parts", tmp_path, where="", environ=s3)
    assert dataset["digest"] == dataset_digest(found, tmp_path)


# What is taken from the environment.

COMPLETE: Mapping[str, Environment] = {
    "s3": {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_REGION": "eu-west-1"},
    "gs": {"GOOGLE_SERVICE_ACCOUNT": "/account.json"},
    "az": {"AZURE_STORAGE_ACCOUNT_NAME": "acme", "AZURE_STORAGE_ACCOUNT_KEY": "aHVzaA=="},
}


@pytest.mark.parametrize(
    ("address", "kind", "bucket", "path"),
    [
        ("s3://lake/a/*.csv", "s3", "s3://lake", "a/*.csv"),
        ("gs://lake", "gs", "gs://lake", ""),
        ("az://lake/a b", "az", "az://lake", "a b"),
        (
            "abfss://lake@acme.dfs.core.windows.net/a",
            "az",
            "abfss://lake@acme.dfs.core.windows.net",
            "a",
        ),
    ],
)
def test_store_of__settings_of_the_environment_reach_both_libraries(
    address: str, kind: str, bucket: str, path: str
) -> None:
    environ = {name: value for each in COMPLETE.values() for name, value in each.items()}
    store, found = store_of(address, environ | {"HOME": "/root", "AWS_REGION": "x"}, where="")
    assert (store.kind, store.address, found) == (kind, bucket, path)
    settings = {name.lower() for name in COMPLETE[kind]}
    assert set(store.settings) == settings
    options = store.scan_options()
    assert settings <= set(options["storage_options"])
    assert options["credential_provider"] is None


@pytest.mark.parametrize("kind", ["s3", "gs", "az"])
def test_store_of__without_credentials_the_clouds_own_library_is_asked(kind: str) -> None:
    store, _ = store_of(f"{kind}://lake", {}, where="")
    assert store.settings == {}
    assert store.scan_options()["credential_provider"] == "auto"


@pytest.mark.parametrize("kind", ["s3", "gs", "az"])
def test_store_of__credentials_are_never_shown(kind: str) -> None:
    store, _ = store_of(f"{kind}://lake", COMPLETE[kind], where="")
    assert not any(value in repr(store) for value in COMPLETE[kind].values())


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for group in (_CREDENTIALS, _SETTINGS) for kind in group for name in group[kind]],
)
def test_settings__are_of_names_that_the_library_knows(kind: str, name: str) -> None:
    # A name that it does not know raises another error; the value need not make sense.
    with suppress(GenericError):
        from_url(f"{kind}://lake", config={name.lower(): "true"})


def test_settings__a_name_that_the_library_does_not_know_is_an_error() -> None:
    with pytest.raises(UnknownConfigurationKeyError):
        from_url("s3://lake", config={"aws_no_such_thing": "true"})


def test_store_of__address_without_a_bucket() -> None:
    with pytest.raises(ConfigError, match="names no bucket") as caught:
        store_of("s3:///a.csv", {}, where="data.orders.path")
    assert caught.value.where == "data.orders.path"


@pytest.mark.parametrize("kind", ["s3", "gs", "az"])
def test_locate__extra_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ConfigError, match="as it is installed") as caught:
        locate(f"{kind}://lake/a.csv", Path("/"), where="data.orders.path", environ={})
    assert caught.value.remedy == f"install tidegate[{kind}]"


def test_find_files__evaluation_tables_are_on_this_machine() -> None:
    with pytest.raises(DataError, match="must be on this machine"):
        find_files("s3://lake/a.csv", Path("/"), where="")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("Error performing PUT http://169.254.169.254/latest/api/token", "no credentials"),
        ("External Azure credential provider: ClientAuthenticationError", "no credentials"),
        ("Generic MicrosoftAzure error: Account must be specified", "no storage account"),
        ("status code: 404 Not Found: <Code>ContainerNotFound</Code>", "no such bucket"),
        ("status code: 401 Unauthorized", "access is denied$"),
        ("status code: 403: <Code>SignatureDoesNotMatch</Code>", r"denied \(SignatureDoesNot"),
        ("status code: 503: <Code>SlowDown</Code>", "does not answer as it should: SlowDown"),
        ("GET https://acme.net/lake?sig=hush in 1 ms: odd", "GET https://acme.net/lake in 1"),
    ],
)
def test_trouble__in_words_that_help(said: str, message: str) -> None:
    error = trouble(OSError(said), "s3://lake")
    assert re.search(message, error.what)
    assert error.where == "s3://lake"
    assert error.remedy
    assert "hush" not in str(error)
