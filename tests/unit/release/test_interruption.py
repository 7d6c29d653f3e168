"""Ctrl-C, and the signals of a cancelled job, in the middle of a move: what is left of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shop import REPORTS, Shop
from tidegate.interruption import (
    Interrupted,
    as_a_whole,
    put_back_on_interruption,
    too_late_to_stop,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def promote(shop: Shop, number: int, *until: Path, stop: signal.Signals) -> tuple[int, str]:
    """Exit code and standard error of `tidegate promote`, stopped as soon as a file is there."""
    words = ["promote", "--release", shop.release(number), "--to", "staging"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tidegate", *words],
        cwd=shop.folder,
        env={**os.environ, **shop.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while process.poll() is None and not all(path.exists() for path in until):
        time.sleep(0.01)
    process.send_signal(stop)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.mark.parametrize("stop", SIGNALS)
def test_promotion__stopped_while_it_deploys_puts_back_and_gives_up_the_lease(
    shop: Shop, stop: signal.Signals
) -> None:
    assert not shop.promote(1, "staging").blocked
    started = shop.folder / "started"
    deploy = shop.folder / "deploy.py"
    slow = f"import pathlib; pathlib.Path({str(started)!r}).touch(); time.sleep(60)\n"
    switch = 'if fault == "fails halfway":\n'
    assert switch in deploy.read_text()
    once = f'if version == "2":\n    {slow}'
    deploy.write_text(deploy.read_text().replace(switch, once + switch))  # the old one is gone then

    code, errors = promote(shop, 2, started, stop=stop)

    assert code == 2
    assert f"stopped by {stop.name}; put back: {shop.release(1)} runs again" in errors
    assert "Traceback" not in errors
    assert shop.serves("staging") == "1"
    assert [event.release for event in shop.moves("staging")] == [shop.release(1)]
    assert shop.mover("staging").ledger.moving("staging") is None
    report = json.loads((shop.folder / REPORTS / "promote.json").read_text())
    assert report["verdict"] is None
    assert report["error"]["what"].startswith(f"stopped by {stop.name}")


@pytest.mark.parametrize("stop", SIGNALS)
def test_interruption__first_signal_is_an_error_and_the_next_ones_cut_off_nothing(
    stop: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    done = False
    with put_back_on_interruption():
        with pytest.raises(Interrupted, match=stop.name):
            signal.raise_signal(stop)
        for number in SIGNALS:
            signal.raise_signal(number)
        done = True
    assert done
    assert "by itself" in capsys.readouterr().err
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as Python has it, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interruption__what_goes_as_a_whole_is_done_first() -> None:
    steps = []

    @as_a_whole
    def request() -> None:
        signal.raise_signal(signal.SIGINT)
        steps.append("done")

    with put_back_on_interruption(), pytest.raises(Interrupted):
        request()
    assert steps == ["done"]
    with pytest.raises(KeyboardInterrupt):  # of no move: as ever
        request()
    assert steps == ["done"]


def test_interruption__once_it_is_written_down_nothing_stops_it() -> None:
    with put_back_on_interruption():
        too_late_to_stop()
        for number in SIGNALS:
            signal.raise_signal(number)
