"""The command deployer's start: the release as a process of this machine.

Replace it with your own way of deploying. It is given the release in TIDEGATE_* variables, and
exit code 0 means that the release is on the environment.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import mlflow.artifacts

STARTUP_SECONDS = 60


def main() -> int:
    environment = os.environ["TIDEGATE_ENVIRONMENT"]
    url = os.environ["TIDEGATE_URL"]
    home = Path(os.environ.get("DEPLOY_HOME", Path.home() / ".local/state/flight-delay"))
    state = home / environment
    folder = state / os.environ["TIDEGATE_RELEASE"]
    if not folder.exists():
        # Beside its place first: a download that is cut off is not taken for the model.
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        mlflow.artifacts.download_artifacts(os.environ["TIDEGATE_MODEL_URI"], dst_path=str(partial))
        partial.rename(folder)
    pid_file = state / "pid"
    stop(pid_file)
    if answers(url):
        print(f"{url} is in use by something that this script did not start", file=sys.stderr)
        return 1
    command = [sys.executable, "-m", "flight_delay.serve"]
    with (state / "service.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603
            [*command, "--port", str(urlsplit(url).port), "--model", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    pid_file.write_text(str(process.pid))
    started = time.monotonic()
    while time.monotonic() - started < STARTUP_SECONDS:
        if answers(url):
            print(f"{environment} answers at {url}")
            return 0
        if process.poll() is not None:
            break
        time.sleep(0.2)
    print((state / "service.log").read_text()[-2000:], file=sys.stderr)
    return 1


def stop(pid_file: Path) -> None:
    try:
        pid = int(pid_file.read_text())
        os.killpg(pid, signal.SIGTERM)
    except (OSError, ValueError):
        return
    for _ in range(100):
        try:
            os.killpg(pid, 0)
        except OSError:
            break
        time.sleep(0.1)
    pid_file.unlink(missing_ok=True)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url + "/health", timeout=2) as response:  # noqa: S310
            return bool(response.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
