"""The base's own tools, for what runs before a pull request's data are judged."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tidegate.config import Config
from tidegate.pipeline import run
from tidegate.policy.bar import place_at
from tidegate.policy.branch import Branch

_UV_RUN = ["uv", "run"]
_NEEDED = ("pyproject.toml", "uv.lock")


@contextmanager
def by_the_base(
    command: str, config: Config, branch: Branch | None, environ: Mapping[str, str]
) -> Iterator[str]:
    """`uv run ...` with what the base has locked; any other command as it is.

    Installing a project builds it, and its lock names what else is installed: with the pull
    request's own, its code would run before its data are judged. Raises PipelineError where uv
    fails to install what the base has locked.
    """
    words = shlex.split(command)
    place = None if branch is None or words[:2] != _UV_RUN else place_at(branch.tip, config)
    if branch is None or place is None:
        yield command
        return
    with TemporaryDirectory(prefix="tidegate-base-") as folder:
        branch.tip.export(place.parent, Path(folder))
        if not all(Path(folder, name).is_file() for name in _NEEDED):
            yield command
            return
        run(["uv", "sync", "--quiet", "--locked", "--no-install-project", "--project", folder],
            config.root, environ)  # fmt: skip
        yield shlex.join([*_UV_RUN, "--no-sync", "--project", folder, *words[2:]])
