"""A model is looked into before it is loaded: pickles that an attacker made, in every wrapping."""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import lzma
import os
import pickle
import subprocess
import zipfile
import zlib
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tidegate.errors import DataError
from tidegate.models import packing
from tidegate.models.scanning import hold_to_scan, scan_folder

MLMODEL = """\
flavors:
  python_function: {loader_module: mlflow.sklearn, model_path: %s, env: {conda: conda.yaml}}
  sklearn: {pickled_model: %s, serialization_format: cloudpickle}
"""


class Attack:
    """What is pickled as a call of `function`."""

    def __init__(self, function: Any, *arguments: Any):
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


SYSTEM = pickle.dumps(Attack(os.system, "touch /tmp/owned"))
# Opcodes by hand: protocol 0, and a name that is put together on the stack.
BY_HAND = b"cos\nsystem\n(S'touch /tmp/owned'\ntR."
FROM_MEMO = b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93\x8c\x02id\x85R."


def zipped(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", "{}")
        archive.writestr(name, content)
    return stream.getvalue()


def array_of_objects(*items: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([*items, None], dtype=object), allow_pickle=True)
    return stream.getvalue()


def joblibbed(value: Any, compress: Any = 0) -> bytes:
    stream = io.BytesIO()
    joblib.dump(value, stream, compress=compress)
    return stream.getvalue()


def fitted(model: Any) -> Any:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 3))
    return model.fit(x, x[:, 0] > 0)


def made(folder: Path, content: bytes, name: str = "model.pkl") -> Path:
    """A model's folder with one file that MLmodel names."""
    (folder / "MLmodel").write_text(MLMODEL % (name, name))
    (folder / "conda.yaml").write_text("channels: [defaults]\ndependencies: [pip]\n")
    (folder / "requirements.txt").write_text("cloudpickle==3.1.2\nnumpy==2.4.6\nscikit-learn\n")
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder


ATTACKS = {
    "os.system": SYSTEM,
    "protocol 0": BY_HAND,
    "protocol 2": pickle.dumps(Attack(os.system, "id"), protocol=2),
    "names from the memo": FROM_MEMO,
    "subprocess": pickle.dumps(Attack(subprocess.check_output, ["id"])),
    "eval": pickle.dumps(Attack(eval, "1")),
    "import_module, which no list of bad names has": pickle.dumps(
        Attack(importlib.import_module, "antigravity")
    ),
    "a library's own way to run things": pickle.dumps(Attack(np.load, "x.npy")),
    "joblib.load": pickle.dumps(Attack(joblib.load, "x")),
    "a function by cloudpickle": cloudpickle.dumps(lambda: Path.cwd()),
    "behind a good one": pickle.dumps(fitted(StandardScaler())) + SYSTEM,
    "in a list of good ones": pickle.dumps([fitted(StandardScaler()), Attack(os.system, "id")]),
    "joblib": joblibbed(Attack(os.system, "id")),
    "joblib, zlib": joblibbed(Attack(os.system, "id"), 3),
    "joblib, gzip": joblibbed(Attack(os.system, "id"), ("gzip", 3)),
    "joblib, xz": joblibbed(Attack(os.system, "id"), ("xz", 3)),
    "joblib, bz2": joblibbed(Attack(os.system, "id"), ("bz2", 3)),
    "gzip of gzip": gzip.compress(gzip.compress(SYSTEM)),
    "bz2": bz2.compress(SYSTEM),
    "xz": lzma.compress(SYSTEM),
    "lzma": lzma.compress(SYSTEM, lzma.FORMAT_ALONE),
    "zlib": zlib.compress(SYSTEM),
    "zip": zipped("data.pkl", SYSTEM),
    "zip, as torch has it": zipped("archive/data.pkl", SYSTEM),
    "zip, by another name": zipped("weights.bin", SYSTEM),
    "zip in zip": zipped("inner.zip", zipped("x", SYSTEM)),
    "array of objects": array_of_objects(Attack(os.system, "id")),
    "npz of objects": zipped("a.npy", array_of_objects(Attack(os.system, "id"))),
}
UNREADABLE = {
    "cut": SYSTEM[:-3],
    "cut before it imports": pickle.dumps(list(range(500)))[:200],
    "opcode that is none": b"\x80\x04\xff" + SYSTEM,
    "number that only the real one reads": b"I0x10\n0" + BY_HAND,
    "text that only the real one reads": b"V\\ud800\n0" + b"S'\\xff\n" + BY_HAND,
    "rest behind it": pickle.dumps(1) + b"\xff\xff",
    "lz4": b"\x04\x22\x4d\x18" + SYSTEM,
    "zstd": b"\x28\xb5\x2f\xfd" + SYSTEM,
    "7z": b"7z\xbc\xaf\x27\x1c" + SYSTEM,
    "broken gzip": gzip.compress(SYSTEM)[:-9],
    "broken zip": zipped("data.pkl", SYSTEM)[:-4] + b"PK\x05\x06",
    "zip behind something": SYSTEM + zipped("x", b"1"),
    "too deep": gzip.compress(gzip.compress(gzip.compress(gzip.compress(gzip.compress(b"N."))))),
    "broken array": array_of_objects(1)[:20],
    "joblib's arrays between opcodes": joblibbed(fitted(RandomForestClassifier(3))),
}


@pytest.mark.parametrize("name", ["model.pkl", "model.skops", "weights/readme.txt", "x.json"])
@pytest.mark.parametrize("content", ATTACKS.values(), ids=ATTACKS)
def test_scan__pickle_that_runs_something__is_refused_by_any_name(
    tmp_path: Path, content: bytes, name: str
) -> None:
    scan = scan_folder(made(tmp_path, content, name))
    assert scan.refused
    assert scan.refused[0][0].startswith(name)
    with pytest.raises(DataError, match="the model is not loaded") as raised:
        hold_to_scan(tmp_path, (), "models:/shop/1")
    assert raised.value.where == "models:/shop/1"
    assert "skops" in (raised.value.remedy or "")


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_scan__pickle_that_cannot_be_read__is_refused_not_passed(
    tmp_path: Path, content: bytes
) -> None:
    assert scan_folder(made(tmp_path, content)).refused


@pytest.mark.parametrize("content", [SYSTEM, BY_HAND], ids=["binary", "text"])
@pytest.mark.parametrize("name", ["requirements.txt", "input_example.json", "deep/notes", "a.npy"])
def test_scan__pickle_in_a_file_that_nothing_names__is_refused_too(
    tmp_path: Path, content: bytes, name: str
) -> None:
    made(tmp_path, pickle.dumps({}))
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    assert [file for file, _ in scan_folder(tmp_path).refused] == [name]


@pytest.mark.parametrize("mlmodel", [None, "", "[]", "flavors: 3", "\xff: ["])
def test_scan__no_mlmodel_to_go_by__holds_every_file_to_it(
    tmp_path: Path, mlmodel: str | None
) -> None:
    if mlmodel is not None:
        (tmp_path / "MLmodel").write_text(mlmodel)
    (tmp_path / "data.bin").write_bytes(SYSTEM[:-3])
    assert "data.bin" in dict(scan_folder(tmp_path).refused)


def test_scan__bomb__is_given_up_at_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "MAX_BYTES", 3_000_000)
    for content in (gzip.compress(b"N" * 10**7), zlib.compress(b"N" * 10**7)):
        ((_, why),) = scan_folder(made(tmp_path, content)).refused
        assert "is larger than 3,000,000 bytes" in why


GOOD = {
    "logistic regression": fitted(make_pipeline(StandardScaler(), LogisticRegression())),
    "forest": fitted(RandomForestClassifier(3)),
    "plain values": {"a": {1, 2}, "b": [np.float64(1), None], "c": range(3), "d": 1j},
}


@pytest.mark.parametrize("model", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_scan__pickle_of_a_known_library__passes_and_says_what_it_imports(
    tmp_path: Path, model: Any, protocol: int
) -> None:
    scan = hold_to_scan(made(tmp_path, pickle.dumps(model, protocol)), (), "")
    assert scan.files == 1
    assert all(name.partition(".")[0] in {"sklearn", "numpy", "builtins", "__builtin__", "_codecs"}
               for name in scan.imports)  # fmt: skip


def test_scan__skops_and_text_files__hold_no_pickle(tmp_path: Path) -> None:
    import skops.io

    folder = made(tmp_path, skops.io.dumps(GOOD["forest"]), "model.skops")
    (folder / "input_example.json").write_text('{"columns": ["a"]}')
    (folder / "README.md").write_text("import os\nimport sys\ncos\n")
    scan = hold_to_scan(folder, (), "")
    assert (scan.files, scan.imports) == (0, set())


@pytest.mark.parametrize("trusted", ["mylib", "mylib.deep", "mylib.deep.Thing", "model.pkl"])
def test_scan__what_the_config_trusts__passes(tmp_path: Path, trusted: str) -> None:
    content = b"\x80\x04\x8c\nmylib.deep\x94\x8c\x05Thing\x94\x93."
    folder = made(tmp_path, content)
    assert "mylib.deep.Thing, which is of no library" in scan_folder(folder).refused[0][1]
    assert not scan_folder(folder, [trusted]).refused


@pytest.mark.parametrize("trusted", ["my", "mylib.deep.Other", "mylib.dee", "pkl"])
def test_scan__what_the_config_does_not_trust__does_not(tmp_path: Path, trusted: str) -> None:
    content = b"\x80\x04\x8c\nmylib.deep\x94\x8c\x05Thing\x94\x93."
    assert scan_folder(made(tmp_path, content), [trusted]).refused


@given(st.binary(max_size=300))
def test_scan__any_bytes__raise_nothing_else(content: bytes) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        scan_folder(made(Path(folder), content))
