"""Describe schemas in a process of their own: `python -P -m tidegate.data.contract.describing`.

Standard input: {"root": folder, "schemas": {name: reference}}; the file named by the argument gets
{name: {"description": ...} | {"error": ...}}. What the schemas' modules print is not in it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main(arguments: list[str]) -> None:
    asked = json.load(sys.stdin)
    root = Path(asked["root"])
    answer = {name: _described(reference, root) for name, reference in asked["schemas"].items()}
    Path(arguments[0]).write_text(json.dumps(answer, allow_nan=False), encoding="utf-8")


def _described(reference: str, root: Path) -> dict[str, Any]:
    from tidegate.data.contract.description import describe
    from tidegate.data.schemas import load_schema
    from tidegate.errors import TidegateError

    try:
        return {"description": describe(load_schema(reference, root, where="schema"))}
    except TidegateError as error:
        reason = error.what
    except Exception as error:  # what pandera makes of a schema of an older form
        reason = f"{type(error).__name__}: {error}"
    lines = (line.strip() for line in reason.replace(f"{root}/", "").splitlines())
    return {"error": "; ".join(line for line in lines if line)}


if __name__ == "__main__":
    main(sys.argv[1:])
