"""Print the notes of a release, CHANGELOG.md's part of that version; or say why there can be none.

`python scripts/release_notes.py v1.2.3`. Exit code 2 where the tag is not the version that
scripts/tidegate/__init__.py and CITATION.cff have, or the changelog tells nothing of it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Unreleasable(Exception):
    """What keeps a tag from becoming a release, and what to do."""


def notes(tag: str, root: Path = ROOT) -> str:
    """The changelog's part of the version that `tag` names. Raises Unreleasable."""
    if not re.fullmatch(r"v\d+\.\d+\.\d+", tag):
        raise Unreleasable(f"{tag!r} is no version: tag vX.Y.Z")
    version = tag.removeprefix("v")
    for file, pattern in {
        "scripts/tidegate/__init__.py": r'^__version__ = "(.*)"$',
        "CITATION.cff": r"^version: (.*)$",
    }.items():
        found = re.findall(pattern, (root / file).read_text(encoding="utf-8"), re.MULTILINE)
        if found != [version]:
            says = ", ".join(found) or "no version"
            raise Unreleasable(f"{file} says {says}, the tag {version}: set it and tag anew")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    part = re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |^\[[^]]+\]: |\Z)",
        changelog,
        re.MULTILINE | re.DOTALL,
    )
    if part is None:
        raise Unreleasable(
            f"CHANGELOG.md has no `## [{version}] - YYYY-MM-DD`: turn Unreleased into it"
        )
    if "### What you need to do" not in part[1]:
        raise Unreleasable(f"CHANGELOG.md does not say what to do for {version}: add that part")
    return part[1].strip() + "\n"


def main(arguments: list[str]) -> int:
    try:
        (tag,) = arguments
        sys.stdout.write(notes(tag))
    except ValueError:
        print("release_notes: give one tag, such as v1.2.3", file=sys.stderr)
        return 2
    except Unreleasable as error:
        print(f"release_notes: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
