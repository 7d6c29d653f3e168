"""Render examples/NAME from the template, its own files laid over it.

An example is the template's rendering with the answers in .cookiecutter.json, and the files named
in .own-files, which are the service's own. `make examples` renders them anew in place;
`python scripts/render_example.py NAME DESTINATION` makes a working copy elsewhere.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from cookiecutter.main import cookiecutter

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "cookiecutter-mlservice"
EXAMPLES = ROOT / "examples"
# Made by the post-generation hook for a user; an example in the repository leaves them out.
NOT_KEPT = ("uv.lock", ".git", ".cruft.json")


def own_files(example: Path) -> list[str]:
    """The files of an example that are its own, not the template's."""
    return (example / ".own-files").read_text().split()


def render(name: str, destination: Path, answers: dict[str, str] | None = None) -> Path:
    """Render an example to `destination`, which must not exist; `answers` override its own."""
    example = EXAMPLES / name
    context = {**json.loads((example / ".cookiecutter.json").read_text()), **(answers or {})}
    with TemporaryDirectory() as folder:
        cookiecutter(str(TEMPLATE), no_input=True, output_dir=folder, extra_context=context)
        shutil.copytree(Path(folder, context["service"]), destination)
    for file in own_files(example):
        (destination / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(example / file, destination / file)
    return destination


def render_in_place(name: str) -> None:
    """Bring an example in the repository up to date with the template."""
    example = EXAMPLES / name
    with TemporaryDirectory() as folder:
        fresh = render(name, Path(folder, name))
        for path in NOT_KEPT:
            target = fresh / path
            shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
        for kept in (".cookiecutter.json", ".own-files"):
            shutil.copyfile(example / kept, fresh / kept)
        shutil.rmtree(example)
        shutil.copytree(fresh, example)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        render(sys.argv[1], Path(sys.argv[2]))
    else:
        for path in sorted(EXAMPLES.iterdir()):
            render_in_place(path.name)
