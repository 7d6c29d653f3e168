"""The command deployer's start: the release as a process of this machine, in a folder of its own.

Replace it with your own way of deploying. It is given the release in TIDEGATE_* variables, among
them TIDEGATE_MODEL_PATH, the model that was registered; exit code 0 means that the release is on
the environment. Needs uv and nothing but the standard library.
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

HERE = Path(__file__).resolve().parents[1]
SHIPPED = ("pyproject.toml", "uv.lock", "src")
STARTUP_SECONDS = 120


def main() -> int:
    environment = os.environ["TIDEGATE_ENVIRONMENT"]
    url = os.environ["TIDEGATE_URL"]
    home = Path(os.environ.get("DEPLOY_HOME") or Path.home() / ".local/state/flight-delay")
    state = home / environment
    folder = state / os.environ["TIDEGATE_RELEASE"]
    install(folder, Path(os.environ["TIDEGATE_MODEL_PATH"]))
    pid_file = state / "pid"
    stop(pid_file)
    if answers(url):
        print(f"{url} is in use by something that this script did not start", file=sys.stderr)
        return 1
    log_file = folder / "service.log"
    command = [folder / ".venv/bin/python", "-m", "flight_delay.serve"]
    with log_file.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603
            [*command, "--port", str(urlsplit(url).port)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    pid_file.write_text(str(process.pid))
    started = time.monotonic()
    while time.monotonic() - started < STARTUP_SECONDS and process.poll() is None:
        if answers(url):
            print(f"{environment} answers at {url}")
            return 0
        time.sleep(0.2)
    print(log_file.read_text()[-2000:], file=sys.stderr)
    return 1


def install(folder: Path, model: Path) -> None:
    """The release's code, locked packages and model, whole or not at all."""
    if folder.exists():
        return
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in SHIPPED:
        copy = shutil.copytree if (HERE / name).is_dir() else shutil.copyfile
        copy(HERE / name, partial / name)
    shutil.copytree(model, partial / "models/model")
    sync = ["uv", "sync", "--quiet", "--locked", "--no-dev", "--no-editable"]
    elsewhere = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")  # the release's own is in its folder
    outside = {name: value for name, value in os.environ.items() if name not in elsewhere}
    subprocess.run(sync, cwd=partial, env=outside, check=True)  # noqa: S603
    partial.rename(folder)


def stop(pid_file: Path) -> None:
    """Stop what this script started before, and wait until it is gone."""
    try:
        pid = int(pid_file.read_text())
        os.killpg(pid, signal.SIGTERM)
        for _ in range(100):
            os.killpg(pid, 0)
            time.sleep(0.1)
    except (OSError, ValueError):
        pid_file.unlink(missing_ok=True)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url + "/health", timeout=2) as response:  # noqa: S310
            return bool(response.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
