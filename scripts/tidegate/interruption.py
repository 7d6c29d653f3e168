"""Ctrl-C, and the signals of a cancelled job: an error like any other, so that things are put back.

GitHub sends SIGINT to a step that is cancelled, SIGTERM 7.5 seconds later, SIGKILL 2.5 after that.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import FrameType
from typing import ParamSpec, TypeVar

from tidegate.errors import TidegateError

P = ParamSpec("P")
T = TypeVar("T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(TidegateError):
    """Somebody wants the command to stop."""


@contextmanager
def put_back_on_interruption() -> Iterator[None]:
    """The first signal raises Interrupted, wherever the block is; later ones are only answered.

    For the main thread alone: no other one may say what a signal does.
    """
    before = {number: signal.signal(number, _stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def as_a_whole(act: Callable[P, T]) -> Callable[P, T]:
    """The same, but a signal that comes while it is done is taken when it is done."""

    @wraps(act)
    def done(*arguments: P.args, **named: P.kwargs) -> T:
        if threading.current_thread() is not threading.main_thread() or not _stops():
            return act(*arguments, **named)
        came: list[int] = []
        for number in _SIGNALS:
            signal.signal(number, lambda number, _: came.append(number))
        try:
            return act(*arguments, **named)
        finally:
            for number in _SIGNALS:
                signal.signal(number, _stop)
            if came:
                _stop(came[0], None)

    return done


def too_late_to_stop() -> None:
    """From here on there is nothing to put back, and the rest takes moments: it is not cut off."""
    if _stops():
        for number in _SIGNALS:
            signal.signal(number, _answer)


def _stops() -> bool:
    return signal.getsignal(signal.SIGINT) is _stop


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    too_late_to_stop()  # what is put back must not be cut off in its turn
    raise Interrupted(
        f"stopped by {signal.Signals(number).name}",
        remedy="run the same again; `tidegate status` shows what runs",
    )


def _answer(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    print(f"{signal.Signals(number).name}: it ends in a moment, by itself", file=sys.stderr)
