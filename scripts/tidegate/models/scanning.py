"""What a model's files would import when they are loaded, seen without loading them.

Loading a pickle runs what it names, so each is taken apart first, whatever its file is called and
however it is packed. picklescan finds the names and knows bad ones. No list of bad names is ever
complete: besides, a name has to belong to a library of models, or be trusted by the config.

What this cannot see: code that the folder brings along and says so (models from code, `code/`),
which is a program like any other; functions of the known libraries that do harm by themselves; and
formats that carry code of their own (a Lambda layer of Keras). docs/threat-model.md tells.
"""

from __future__ import annotations

import io
import json
import logging
import pickletools
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import yaml

from tidegate.errors import DataError
from tidegate.models.packing import MAX_DEPTH, Unreadable, unpacked

if TYPE_CHECKING:
    from picklescan.scanner import Global

# Libraries whose classes models are made of.
_KNOWN = {
    *("numpy", "scipy", "pandas", "polars", "pyarrow", "sklearn", "skops", "statsmodels"),
    *("xgboost", "lightgbm", "catboost", "torch"),
    *("collections", "datetime", "decimal", "fractions"),
}
# Of modules that hold other things, too: what pickle itself writes for plain values.
_PLAIN = {
    "builtins": {"set", "frozenset", "bytearray", "slice", "range", "complex", "object", "list"}
    | {"dict", "tuple", "int", "float", "bool", "str", "bytes"},
    "copyreg": {"_reconstructor", "__newobj__"},
    "_codecs": {"encode"},
    "__builtin__": {"set", "frozenset", "slice", "xrange", "complex", "object", "bytearray"},
    "copy_reg": {"_reconstructor"},
}
# How functions of the known libraries begin that read, run or import what they are given.
_RUNNING = ("load", "read", "eval", "exec", "run", "query", "open", "fetch", "download", "import")
# Keys of MLmodel that name code or the environment, not a file that is loaded as data.
_NOT_LOADED = {"env", "conda", "virtualenv", "code", "model_code_path"}
# Loaders with formats of their own, which never unpickle.
_NATIVE = {f"mlflow.{name}" for name in ("xgboost", "lightgbm", "catboost", "onnx")}
_OPCODES = {code.code.encode("latin-1") for code in pickletools.opcodes}
_PROTOCOL = b"\x80"
_PICKLES = (".pkl", ".pickle", ".joblib")


@dataclass
class Scan:
    """files: how many hold pickles; imports: `module.name` of all that they would import.

    refused: (file, why) of what must not be loaded.
    """

    files: int = 0
    imports: set[str] = field(default_factory=set)
    refused: list[tuple[str, str]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {"pickles": self.files, "imports": sorted(self.imports)}


def hold_to_scan(folder: Path, trusted: Collection[str], shown: str) -> Scan:
    """Scan a model's folder. shown: what the folder is, for people.

    Raises DataError for a pickle that would import what nobody knows to be harmless, or that
    cannot be read.
    """
    scan = scan_folder(folder, trusted)
    if scan.refused:
        first, why = scan.refused[0]
        more = len(scan.refused) - 1
        raise DataError(
            f"the model is not loaded: {first} {why}" + (f" ({more} more)" if more else ""),
            where=shown,
            remedy="save it in a format that is no pickle (MLflow: skops for scikit-learn, ONNX, "
            "a library's own); or, when you know where it comes from, name the import or the file "
            "in registry.trusted-pickles",
        )
    return scan


def scan_folder(folder: Path, trusted: Collection[str] = ()) -> Scan:
    """Look into every file of a model. trusted: modules, `module.name`s and files."""
    scan, loaded = Scan(), _loaded_files(folder)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name in trusted:
            continue
        with path.open("rb") as stream:
            try:
                _look(scan, name, stream, trusted, strict=name in loaded)
            except Unreadable as error:
                scan.refused.append((name, str(error)))
    return scan


def _look(
    scan: Scan,
    name: str,
    stream: IO[bytes],
    trusted: Collection[str],
    *,
    strict: bool,
    depth: int = 0,
    member: bool = False,
) -> None:
    """strict: whether it may be loaded as a pickle, so that what cannot be read must not pass.

    member: of a zip file, whose other members are raw numbers, and may look like anything.
    """
    if depth > MAX_DEPTH:
        raise Unreadable("is packed too often to be looked into")
    if (inner := unpacked(stream)) is not None:
        for part, content in inner:
            called = f"{name}, {part}" if part else name
            loaded = strict and (not part or part.endswith(_PICKLES))
            inside = bool(part) or member
            with content:
                _look(scan, called, content, trusted, strict=loaded, depth=depth + 1, member=inside)
        return
    first = stream.read(1)
    stream.seek(0)
    if first not in _OPCODES or _is_json(stream):
        return
    found, whole = _imports(stream)
    if not whole and not strict and (member or first != _PROTOCOL):
        return  # a text or a format of its own, which nothing loads as a pickle
    scan.files += 1
    scan.imports |= {f"{item.module}.{item.name}" for item in found}
    for item in sorted(found, key=lambda item: (item.module, item.name)):
        if why := _suspicion(item, trusted):
            scan.refused.append((name, why))
    if not whole:
        raise Unreadable("cannot be read to its end, so nobody knows what it does")


def _imports(stream: IO[bytes]) -> tuple[list[Global], bool]:
    """What a stream of pickles imports; whether it was read to its end."""
    from picklescan import scanner

    logging.getLogger("picklescan").setLevel(logging.CRITICAL + 1)  # what is found is told by us
    try:
        whole = not _rest(stream)
    except Exception:  # the many ways in which a pickle can be broken
        whole = False
    stream.seek(0)
    try:
        result = scanner.scan_pickle_bytes(stream, "")
    except Exception:
        return [], False
    return list(result.globals), whole and not result.scan_err


def _rest(stream: IO[bytes]) -> bytes:
    """What comes after the last pickle; raises where one is broken."""
    for _ in pickletools.genops(stream):
        pass
    while (byte := stream.read(1)) and byte in _OPCODES:
        stream.seek(-1, io.SEEK_CUR)
        for _ in pickletools.genops(stream):
            pass
    return byte


def _suspicion(found: Global, trusted: Collection[str]) -> str | None:
    """Why an import is not let pass; None where it is."""
    module, name, parts = found.module, found.name, found.module.split(".")
    full = f"{module}.{name}"
    if full in trusted or any(".".join(parts[:n]) in trusted for n in range(1, len(parts) + 1)):
        return None
    if found.safety.value == "dangerous":
        return f"imports {full}, which can run anything"
    if name in _PLAIN.get(module, ()) or found.safety.value == "innocuous":
        return None
    # A dotted name walks from what is imported to anything that it can reach.
    if parts[0] in _KNOWN and "." not in name and not name.startswith(_RUNNING):
        return None
    return f"imports {full}, which is of no library that models are known to be made of"


def _is_json(stream: IO[bytes]) -> bool:
    """A JSON document is never a pickle: no first character of one begins a pickle that works."""
    if stream.read(1) not in b'{["-0123456789tfn \t\r\n':
        stream.seek(0)
        return False
    stream.seek(0)
    try:
        json.load(stream)
    except (ValueError, RecursionError):
        return False
    finally:
        stream.seek(0)
    return True


def _loaded_files(folder: Path) -> set[str]:
    """Files that MLmodel names as data of its flavors; any may be, where that is unknown."""
    files = (path for path in folder.rglob("*") if path.is_file())
    relative = {path.relative_to(folder).as_posix() for path in files}
    try:
        described = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return set()  # MLflow loads nothing from it; what looks like a pickle is looked into
    try:
        flavors = described["flavors"]
        loaders = {flavors["python_function"]["loader_module"]} if flavors else set()
    except (KeyError, TypeError):
        return relative
    if loaders and loaders <= _NATIVE:
        return set()
    named = {text.strip("/") for text in _texts(flavors)}
    return {
        name
        for name in relative
        if any(name == text or name.startswith(f"{text}/") for text in named)
    }


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in _NOT_LOADED:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
