"""Code told apart: a function of a schema, with what it uses, as a digest.

Compiled code, not source text: comments and line breaks do not count, and of several functions on
one line each stands for itself. Both versions are compiled by the same Python.
"""

from __future__ import annotations

import site
import sysconfig
from collections.abc import Callable, Iterator
from functools import cache, partial
from inspect import getattr_static, isbuiltin, isclass, isfunction, ismethod, ismodule
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from tidegate import digest
from tidegate.data.contract.values import described

_SIMPLE = (type(None), bool, int, float, complex, str, bytes)
_MISSING = object()


def code_digest(function: Callable[..., Any]) -> str:
    """Digest of a function: its code, and what it uses of the service's constants and functions."""
    return digest.of_json(_Reader().read(function))


class _Reader:
    """Values as JSON. Each object is read once."""

    def __init__(self) -> None:
        self._seen: dict[int, Any] = {}
        self._classes: list[type] = []  # those whose attributes a method may use, as cls.LIMIT

    def read(self, value: Any) -> Any:
        if isinstance(value, _SIMPLE):
            return [type(value).__name__, repr(value)]
        if isinstance(value, CodeType):
            return self._code(value)
        if isclass(value):
            self._classes.append(value)
            return ["class", value.__qualname__]
        if isbuiltin(value) or ismodule(value):
            return ["name", value.__name__]
        if id(value) in self._seen:
            return ["seen", type(value).__name__]
        self._seen[id(value)] = value  # kept alive: another object could get its id
        return self._object(value)

    def _object(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return ["list", [self.read(item) for item in value]]
        if isinstance(value, set | frozenset):
            return ["set", sorted(repr(self.read(item)) for item in value)]
        if isinstance(value, dict):
            return ["dict", [[self.read(key), self.read(item)] for key, item in value.items()]]
        if isinstance(value, partial):
            parts = (value.func, value.args, value.keywords)
            return ["partial", [self.read(part) for part in parts]]
        if ismethod(value):
            return ["method", self.read(value.__self__), self.read(value.__func__)]
        if isinstance(value, classmethod | staticmethod):
            return self.read(value.__func__)
        if isfunction(value):
            return self._function(value)
        # pandera's wrappers of a model's methods.
        for name in ("check_fn", "parser_fn"):
            if isfunction(wrapped := getattr(value, name, None)):
                return [name, self.read(wrapped)]
        return ["other", type(value).__qualname__, described(value)]

    def _function(self, function: FunctionType) -> Any:
        cells = [self.read(cell) for cell in _cells(function)]
        if not _is_own(function.__globals__.get("__file__")):
            return ["name", f"{function.__module__}.{function.__qualname__}", cells]
        return [
            "function",
            self._code(function.__code__, function.__doc__),
            self.read(function.__defaults__),
            self.read(function.__kwdefaults__),
            cells,
            [[name, self.read(value)] for name, value in self._used(function)],
        ]

    def _code(self, code: CodeType, documentation: str | None = None) -> Any:
        constants = list(code.co_consts)
        if documentation is not None and constants[:1] == [documentation]:
            constants[0] = None
        return [
            "code",
            code.co_code.hex(),
            [code.co_flags, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount],
            [*code.co_names, *code.co_varnames, *code.co_freevars],
            [self.read(constant) for constant in constants],
        ]

    def _used(self, function: FunctionType) -> Iterator[tuple[str, Any]]:
        """What the names in a function's code stand for, as far as the service defines them."""
        names = sorted(set(_names(function.__code__)))
        scopes = [function.__globals__]
        for name in names:
            value = function.__globals__.get(name)
            if ismodule(value) and _is_own(getattr(value, "__file__", None)):
                scopes.append(vars(value))
            elif isclass(value):
                self._classes.append(value)
        for name in names:
            for scope in scopes:
                if name in scope:
                    yield name, scope[name]
            for owner in list(self._classes):
                value = getattr_static(owner, name, _MISSING)
                if isinstance(value, (*_SIMPLE, list, tuple, set, frozenset, dict)) or isfunction(
                    getattr(value, "__func__", value)
                ):
                    yield name, value


def _cells(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a name that is not bound yet
            yield None


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_own(file: str | None) -> bool:
    """Whether a module is the service's, not a library's."""
    if file is None:
        return False
    path = Path(file).resolve()
    return not any(path.is_relative_to(folder) for folder in _library_folders())


@cache
def _library_folders() -> tuple[Path, ...]:
    known = sysconfig.get_paths()
    folders = [known[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders += [*site.getsitepackages(), site.getusersitepackages()]
    return tuple(Path(folder).resolve() for folder in folders)
