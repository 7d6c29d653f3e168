"""Other processes: git, this very tidegate in one of its own, and how one is ended in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

GRACE_SECONDS = 10.0

# A folder of a checkout may be made to look like a repository of its own: HEAD, objects and refs
# are files that anybody can commit. git is to take none for one.
GIT = ("git", "-c", "safe.bareRepository=explicit")


def of_this_tidegate(module: str) -> list[str]:
    """How a command begins that runs a module of this package, wherever it was imported from.

    In Actions the package stands on no path that another Python looks in: see setup-tidegate.
    """
    code = (
        f"import runpy, sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r}); "
        f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    )
    return [sys.executable, "-P", "-c", code]


def end(process: subprocess.Popen[Any]) -> None:
    """End a program that was started with start_new_session, and whatever it left running.

    It is asked first, and killed when it has not ended after GRACE_SECONDS.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
