"""Programs that are ended when they take too long, with all that they started."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import Any

GRACE_SECONDS = 10.0


def end(process: subprocess.Popen[Any]) -> None:
    """End a program that was started with start_new_session, and whatever it left running.

    It is asked first, and killed when it has not ended after GRACE_SECONDS.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
