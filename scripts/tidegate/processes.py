"""Other processes: this very tidegate in one of its own; programs that take too long, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

GRACE_SECONDS = 10.0


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
