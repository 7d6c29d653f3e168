"""A page in a real browser: headless Chromium, spoken to over a pipe by its DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (make debian-tools)")

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
# Chromium reads commands from descriptor 3 and answers on 4, whatever was open there before.
_ON_3_AND_4 = 'exec "$@" 3<&"$COMMANDS" 4>&"$ANSWERS"'


@dataclass
class Browser:
    """One tab. said: what the page, or the browser about it, put on the console; asked: addresses
    that it requested, its own among them.
    """

    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    _last: int = 0
    _loaded: bool = False

    def __enter__(self) -> Self:
        self._profile = TemporaryDirectory(ignore_cleanup_errors=True)
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        self._process = subprocess.Popen(
            ["bash", "-c", _ON_3_AND_4, "-", str(CHROMIUM), *_FLAGS,
             f"--user-data-dir={self._profile.name}", "about:blank"],
            env={**os.environ, "COMMANDS": str(commands), "ANSWERS": str(answers),
                 "TMPDIR": self._profile.name},  # else it leaves folders there
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(commands)
        os.close(answers)
        self._stream = os.fdopen(self._answers, "rb")
        self._session: str | None = None
        target = self._do("Target.createTarget", url="about:blank")["targetId"]
        attached = self._do("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self._do(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)
        with suppress(OSError):
            os.close(self._commands)
        self._stream.close()
        self._profile.cleanup()

    def open(self, page: Path, width: int, *, dark: bool = False, scripts: bool = False) -> None:
        """Load a file in a window of so many CSS pixels."""
        self._do("Emulation.setScriptExecutionDisabled", value=not scripts)
        self._size(width, 800)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._do("Emulation.setEmulatedMedia", features=[scheme])
        self._loaded = False
        self._do("Page.navigate", url=page.as_uri())
        while not self._loaded:
            self._hear()

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript gives on the page."""
        answer = self._do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, path: Path, *, height: int | None = None) -> None:
        """The whole page, or its top, as a PNG."""
        width = self.value("innerWidth")
        self._size(width, height or self.value("document.documentElement.scrollHeight"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self._do("Page.captureScreenshot")["data"]))

    def _size(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._do("Emulation.setDeviceMetricsOverride", **size)

    def _do(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        command: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session is not None:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (answer := self._hear()).get("id") != self._last:
            pass
        assert "error" not in answer, answer
        return dict(answer["result"])

    def _hear(self) -> Mapping[str, Any]:
        """The next message, noted where it tells of something."""
        text = bytearray()
        while (byte := self._stream.read(1)) != b"\0":
            assert byte, "Chromium ended"
            text += byte
        message: Mapping[str, Any] = json.loads(text)
        told = message.get("params", {})
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                self.asked.append(told["request"]["url"])
            case "Log.entryAdded":
                self.said.append(told["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.said.append(json.dumps(told))
        return message
