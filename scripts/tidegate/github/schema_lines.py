"""Where a schema declares a column: the line that an annotation points at."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

# (name of a column or a regular expression, line, whether it is a regular expression)
_Declaration = tuple[str, int, bool]

DOCUMENTS = (".yaml", ".yml", ".json")


def schema_file(reference: str, root: Path) -> Path | None:
    """The file of a schema's reference, as a path below root; None where there is none."""
    if reference.endswith(DOCUMENTS):
        candidates = [reference]
    else:
        module = reference.rpartition(":")[0]
        below = module.replace(".", "/")
        ends = (f"{below}.py", f"{below}/__init__.py")
        named = [f"{folder}{end}" for folder in ("", "src/") for end in ends]
        candidates = [module] if module.endswith(".py") else named
    return next((Path(place) for place in candidates if (root / place).is_file()), None)


def line_of(text: str, name: str | None, column: str | None) -> int | None:
    """The line, counted from 1, of a column's declaration in the text of a schema's file.

    name: the class or object in a Python file; None for a YAML or JSON document. Without a column,
    or where it is not declared here, the line where the schema itself begins. None where the text
    cannot be read or holds no such schema.
    """
    try:
        return _in_document(text, column) if name is None else _in_python(text, name, column)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _in_python(text: str, name: str, column: str | None) -> int | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a schema's odd escapes are its own affair
        tree = ast.parse(text)
    known = dict(_definitions(tree.body))
    if name not in known:
        return None
    declared = [*_declarations(known[name], known, {name})]
    return _nearest(declared, column, known[name].lineno)


def _nearest(declared: Sequence[_Declaration], column: str | None, otherwise: int) -> int:
    """The line that declares the column by its name, else by a regular expression."""
    if column is None:
        return otherwise
    exact = (line for named, line, _ in declared if named == column)
    similar = (line for named, line, regex in declared if regex and _matches(named, column))
    return next(exact, next(similar, otherwise))


def _definitions(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """Classes and assigned names of a module; of those defined twice, the last one counts."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if not isinstance(node.value, ast.Constant | None):  # `Flights = None` is no schema
                yield from ((to.id, node) for to in targets if isinstance(to, ast.Name))
        elif isinstance(node, ast.If | ast.Try | ast.With):
            for part in ("body", "handlers", "orelse", "finalbody"):
                yield from _definitions(getattr(node, part, []))
        elif isinstance(node, ast.ExceptHandler):
            yield from _definitions(node.body)


def _declarations(
    node: ast.stmt, known: dict[str, ast.stmt], seen: set[str]
) -> Iterator[_Declaration]:
    """Every column that a class or an assigned schema declares, its own before inherited ones."""
    if isinstance(node, ast.ClassDef):
        yield from _fields(node)
        used = [base.id for base in node.bases if isinstance(base, ast.Name)]
    else:
        value = getattr(node, "value", None)
        parts = list(ast.walk(value)) if value is not None else []
        for part in parts:
            if isinstance(part, ast.Dict):
                yield from _items(part)
        used = [part.id for part in parts if isinstance(part, ast.Name)]
    for other in used:
        if other in known and other not in seen:
            seen.add(other)
            yield from _declarations(known[other], known, seen)


def _fields(node: ast.ClassDef) -> Iterator[_Declaration]:
    """`column: Series[int] = Field(alias="its other name", regex=True)`"""
    for field in node.body:
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        options = _options(field.value)
        alias = options.get("alias")
        named = str(alias) if alias is not None else field.target.id
        yield named, field.lineno, options.get("regex") is True


def _items(node: ast.Dict) -> Iterator[_Declaration]:
    """`{"column": Column(int, regex=True)}`"""
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant):
            yield str(key.value), key.lineno, _options(value).get("regex") is True


def _options(call: ast.expr | None) -> dict[str, object]:
    if not isinstance(call, ast.Call):
        return {}
    return {
        option.arg: option.value.value
        for option in call.keywords
        if option.arg and isinstance(option.value, ast.Constant)
    }


def _in_document(text: str, column: str | None) -> int | None:
    import yaml

    try:
        # JSON is YAML, too, but for tabs between its parts.
        document = yaml.compose(text.replace("\t", " "), Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    if not isinstance(document, yaml.MappingNode):
        return None
    top: int = document.start_mark.line + 1
    columns = next((value for key, value in document.value if key.value == "columns"), None)
    if not isinstance(columns, yaml.MappingNode):
        return top
    declared = []
    for key, options in columns.value:
        given = options.value if isinstance(options, yaml.MappingNode) else []
        regex = any(k.value == "regex" and str(v.value).lower() == "true" for k, v in given)
        declared.append((str(key.value), key.start_mark.line + 1, regex))
    return _nearest(declared, column, top)


def _matches(pattern: str, column: str) -> bool:
    try:
        return re.fullmatch(pattern, column) is not None
    except re.error:
        return False
