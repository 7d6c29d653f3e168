"""pandera without pandas, for schemas that do not need it: importing pandas takes half a second.

pandera does without pandas where that is not installed. Here it is made to believe so while it is
imported, if the sources of all schemas show that none of them will ask for more.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

# What a schema of Polars may import, besides the standard library.
_ENOUGH = ("polars", "numpy", "pandera.polars", "pandera.typing.polars", "pandera.errors")
_MARK = "tidegate_without_pandas"


def import_lean(references: Iterable[str], root: Path) -> None:
    """Import pandera without pandas, if these schemas are of Polars and import nothing else.

    Does nothing where either is imported already.
    """
    if "pandera" in sys.modules or "pandas" in sys.modules:
        return
    if not all(needs_no_pandas(reference, root) for reference in references):
        return
    finder = _WithoutPandas()
    sys.meta_path.insert(0, finder)
    try:
        import pandera.polars
        import polars
        from pandera.backends.register_checks import register_default_check_backends

        register_default_check_backends(polars.LazyFrame)  # it asks for pandas once, too
        setattr(pandera, _MARK, True)
    except ImportError:
        _forget()  # a pandera that cannot do without
    finally:
        sys.meta_path.remove(finder)


def import_whole(reference: str, root: Path) -> None:
    """Forget a pandera without pandas, if this schema may need it whole.

    Schemas that were made with it are not to be used any more.
    """
    if not hasattr(sys.modules.get("pandera"), _MARK) or needs_no_pandas(reference, root):
        return
    _forget()


def needs_no_pandas(reference: str, root: Path) -> bool:
    """Whether the source of a schema shows that it is of Polars, and imports nothing unknown."""
    files = list(_sources(reference.rpartition(":")[0], root))
    try:
        trees = [ast.parse(file.read_bytes()) for file in files]
    except (OSError, SyntaxError, ValueError):
        return False
    return bool(files) and all(_is_enough(name) for tree in trees for name in _imports(tree))


def _forget() -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] == "pandera" or name.startswith("tidegate_reference_"):
            del sys.modules[name]


class _WithoutPandas(MetaPathFinder):
    def find_spec(self, fullname: str, *_: Any) -> None:
        package = fullname.partition(".")[0]
        if package in ("pandas", "hypothesis"):  # the latter is for making data up
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)


def _sources(module: str, root: Path) -> Iterator[Path]:
    """The files that importing a schema runs, as far as its reference says."""
    if module.endswith(".py"):
        yield root / module
        return
    *packages, last = module.split(".")
    for folder in (root, root / "src"):
        file = folder.joinpath(*packages, f"{last}.py")
        if file.is_file():
            for depth in range(1, len(packages) + 1):
                package = folder.joinpath(*packages[:depth], "__init__.py")
                if package.is_file():
                    yield package
            yield file
            return


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Name) and node.id in ("__import__", "import_module"):
            yield node.id


def _is_enough(name: str) -> bool:
    if name.partition(".")[0] in sys.stdlib_module_names:
        return name.partition(".")[0] != "importlib"
    return any(name == known or name.startswith(f"{known}.") for known in _ENOUGH)
