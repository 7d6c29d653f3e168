"""Write the tables of README.md, docs/ and actions/*/README.md anew from what they describe.

The pages of docs/reference are made of nothing else.

`make tables` runs it; with --check it changes nothing and fails where a table is out of date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

import reference

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
GRANT = re.compile(r"^ {6}([a-z-]+): (read|write) # (.*)$", re.MULTILINE)


def load(path: Path) -> dict[Any, Any]:
    tree = yaml.safe_load(path.read_text())
    assert isinstance(tree, dict)  # noqa: S101 - every workflow and action is a mapping
    return tree


def inputs(tree: dict[Any, Any]) -> str:
    rows = []
    for name, spec in (tree.get("inputs") or {}).items():
        default = str(spec.get("default", "")).strip().replace("\n", ", ")
        shown = "**required**" if spec.get("required") else f"`{default}`" if default else ""
        rows.append((f"`{name}`", cell(spec["description"]), shown))
    return table(("input", "what", "default"), rows)


def outputs(tree: dict[Any, Any]) -> str:
    rows = [
        (f"`{name}`", cell(spec["description"]))
        for name, spec in (tree.get("outputs") or {}).items()
    ]
    return table(("output", "what"), rows)


def actions(root: Path) -> str:
    rows = [
        (f"[`{path.parent.name}`](actions/{path.parent.name}/README.md)", load(path)["description"])
        for path in sorted(root.glob("actions/*/action.yml"))
    ]
    return table(("action", "what it does"), rows)


def workflows(root: Path) -> str:
    rows = []
    for path in sorted(root.glob(".github/workflows/ml-*.yml")):
        opening = re.match(r"(?:# .*\n)+", path.read_text())
        assert opening is not None  # noqa: S101 - each of them opens with what it does
        what = " ".join(line.lstrip("# ") for line in opening[0].splitlines())
        rows.append((f"[`{path.name}`](.github/workflows/{path.name})", what))
    return table(("workflow", "what it does"), rows)


def workflow(name: str) -> str:
    """Inputs, secrets and outputs of one reusable workflow."""
    called = load(ROOT / ".github/workflows" / name)[True]["workflow_call"]
    # YAML 1.1 reads the key `on` as true.
    kinds = [("input", called["inputs"]), ("secret", called.get("secrets") or {})]
    rows = []
    for what, specs in [*kinds, ("output", called.get("outputs") or {})]:
        for key, spec in specs.items():
            value = spec.get("default", "")
            shown = "**required**" if spec.get("required") else f"`{value}`" if value else ""
            rows.append((what, f"`{key}`", cell(spec["description"]), shown))
    rows += [("permission", f"`{grant}`", why, "") for grant, why in permissions(name)]
    return table(("", "name", "what", "default"), rows)


def permissions(name: str) -> list[tuple[str, str]]:
    """What a caller has to grant: each permission of a job, with the reasons beside it."""
    asked: dict[str, tuple[str, list[str]]] = {}
    text = (ROOT / ".github/workflows" / name).read_text()
    for scope, level, why in GRANT.findall(text):
        before, reasons = asked.get(scope, ("read", []))
        asked[scope] = ("write" if "write" in (level, before) else "read", [*reasons, why])
    return [
        (f"{scope}: {level}", cell("; ".join(dict.fromkeys(reasons))))
        for scope, (level, reasons) in asked.items()
    ]


def commands() -> str:
    parts = []
    for verb, about, flags in reference.commands():
        rows = [(flag.replace("|", "\\|"), cell(what)) for flag, what in flags]
        parts.append(f"## {verb}\n\n```text\n{about}\n```\n\n" + table(("flag", "what"), rows))
    return "\n".join(parts)


def reports() -> str:
    return "\n".join(
        f"## {verb}\n\n" + table(("field", "type"), [(name, cell(kind)) for name, kind in rows])
        for verb, rows in reference.reports()
    )


def all_actions() -> str:
    """Every action with its inputs and outputs."""
    parts = []
    for path in sorted(ROOT.glob("actions/*/action.yml")):
        tree, name = load(path), path.parent.name
        what = f"{tree['description']} [More](../../actions/{name}/README.md)"
        given = f"{inputs(tree)}\n{outputs(tree)}" if tree.get("outputs") else inputs(tree)
        parts.append(f"## {name}\n\n{what}\n\n{given}")
    return "\n".join(parts)


def config() -> str:
    """Every section of tidegate.yaml with its keys, from the JSON Schema of the typed config."""
    from tidegate.config import Config

    schema = Config.model_json_schema(by_alias=True)
    sections = {"tidegate.yaml": schema, **schema["$defs"]}
    parts = []
    for name, section in sections.items():
        required = section.get("required", [])
        rows = [
            (
                f"`{key}`",
                kind(spec),
                "**required**" if key in required else default(spec),
                cell(spec.get("description", "")),
            )
            for key, spec in section["properties"].items()
        ]
        about = cell(section.get("description", ""))
        parts.append(f"### {name}\n\n{about}\n\n")
        parts.append(table(("key", "type", "default", "what"), rows) + "\n")
    return "".join(parts)


def kind(spec: dict[str, Any]) -> str:
    """A key's type in words."""
    if "$ref" in spec:
        return f"[{spec['$ref'].rpartition('/')[2]}](#{spec['$ref'].rpartition('/')[2].lower()})"
    if "enum" in spec:
        return cell(" | ".join(f"`{value}`" for value in spec["enum"]))
    if "const" in spec:
        return f"`{spec['const']}`"
    if "anyOf" in spec:
        kinds = [kind(option) for option in spec["anyOf"] if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if spec.get("type") == "array":
        return f"list of {kind(spec['items'])}"
    if isinstance(spec.get("additionalProperties"), dict):
        return f"mapping of names to {kind(spec['additionalProperties'])}"
    return str(spec.get("type", "any"))


def default(spec: dict[str, Any]) -> str:
    value = spec.get("default")
    return "" if value in (None, "", [], {}) or isinstance(value, dict) else f"`{value}`"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return "None.\n"
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# What needs nothing but the code.
WHOLE = {"config": config, "commands": commands, "reports": reports, "all-actions": all_actions}


def filled(path: Path) -> str:
    """The text of a README with its tables as they should be."""

    def block(match: re.Match[str]) -> str:
        if match[2] in {"actions", "workflows"}:
            body = {"actions": actions, "workflows": workflows}[match[2]](ROOT)
        elif match[2] in WHOLE:
            body = WHOLE[match[2]]()
        elif match[2].startswith("ml-"):
            body = workflow(match[2])
        else:
            body = {"inputs": inputs, "outputs": outputs}[match[2]](
                load(path.parent / "action.yml")
            )
        return match[1] + body + match[3]

    return BLOCK.sub(block, path.read_text())


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for path in [
        ROOT / "README.md",
        *sorted(ROOT.glob("docs/**/*.md")),
        *sorted(ROOT.glob("actions/*/README.md")),
    ]:
        text = filled(path)
        if text != path.read_text():
            stale.append(path.relative_to(ROOT).as_posix())
            if not check:
                path.write_text(text)
    if check and stale:
        print(f"out of date: {', '.join(stale)}; run `make tables`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
