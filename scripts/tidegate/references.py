"""Objects that a config names by reference: `path/to/file.py:Name` or `package.module:Name`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tidegate import digest
from tidegate.errors import ConfigError


def load(reference: str, root: Path, *, where: str) -> Any:
    """The object that `reference` names. Files and modules are looked for below `root`.

    Raises ConfigError with the user's own traceback, shortened to the lines of their code.
    """
    module_name, separator, attribute = reference.rpartition(":")
    if not separator or not attribute.isidentifier():
        raise ConfigError(
            f"{reference!r} is no reference",
            where=where,
            remedy="write file.py:Name or package.module:Name",
        )
    with _import_path(root):
        module = (
            _load_file(root / module_name, reference, where)
            if module_name.endswith(".py")
            else _load_module(module_name, reference, where)
        )
    try:
        return getattr(module, attribute)
    except AttributeError:
        names = ", ".join(name for name in vars(module) if not name.startswith("_"))
        raise ConfigError(
            f"{module_name} has no {attribute!r}", where=where, remedy=f"it defines: {names}"
        ) from None


@contextmanager
def _import_path(root: Path) -> Iterator[None]:
    entries = [str(root), str(root / "src")]
    sys.path[:0] = entries
    try:
        yield
    finally:
        for entry in entries:
            sys.path.remove(entry)


def _load_file(path: Path, reference: str, where: str) -> Any:
    if not path.is_file():
        raise ConfigError(
            f"{reference!r} names a file that does not exist",
            where=where,
            remedy=f"the file was looked for at {path}",
        )
    # A name of its own: two services may each have a schemas.py.
    name = "tidegate_reference_" + digest.of_bytes(str(path.resolve()).encode())[7:19]
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is no Python file", where=where, remedy="name a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _import_failed(reference, where, error) from None
    return module


def _load_module(name: str, reference: str, where: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise _import_failed(reference, where, error) from None


def _import_failed(reference: str, where: str, error: BaseException) -> ConfigError:
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and frame.filename != __file__
    ]
    trail = "".join(f"\n  {frame.filename}:{frame.lineno}: {frame.line}" for frame in own[-3:])
    if isinstance(error, SyntaxError):
        trail += f"\n  {error.filename}:{error.lineno}: {(error.text or '').strip()}"
    remedy = "mend the line above"
    if isinstance(error, ModuleNotFoundError):
        remedy = (
            f"the module {error.name!r} is not installed beside tidegate; keep schemas in a module "
            "that imports only pandera, pandas, polars and numpy, or install it there"
        )
    return ConfigError(
        f"{reference!r} does not import: {type(error).__name__}: {error}{trail}",
        where=where,
        remedy=remedy,
    )
