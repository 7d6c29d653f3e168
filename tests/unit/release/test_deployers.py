"""What every deployer must do, the one that the docs show among them; a deploy command's limits."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ports import free_port
from shop import Shop
from tidegate.errors import DeployError, ImageError
from tidegate.release import image as images
from tidegate.release import promotion, status
from tidegate.release.deployers import Deployer
from tidegate.release.deployers.command import CommandDeployer
from tidegate.release.ledger import Ledger
from tidegate.release.release import Release
from tidegate.release.serving import connect

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own

# systemd's part for one machine without it: a unit is a server, with the variables of its file.
SYSTEMCTL = """\
#!{python}
import os, signal, subprocess, sys
from pathlib import Path
verb, unit = sys.argv[1:]
folder = Path({folder!r})
pid = folder / (unit + ".pid")
if pid.exists():
    os.kill(int(pid.read_text()), signal.SIGKILL)
    pid.unlink()
if verb == "restart":
    lines = (folder / (unit + ".env")).read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    fault = folder / ("fault-" + variables["TIDEGATE_MODEL_VERSION"])
    server = subprocess.Popen(
        [sys.executable, "-S", "server.py", {port!r}, fault.read_text() if fault.exists() else ""],
        cwd=folder, env={{**os.environ, **variables}}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )
    pid.write_text(str(server.pid))
"""


def of_the_docs() -> Any:
    """The class that docs/releases.md shows, run as it stands there."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/releases.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page
    return names["SystemdDeployer"]


@pytest.fixture(params=["command", "docs"])
def deployer(
    request: pytest.FixtureRequest, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployer]:
    """Of staging. What the docs show is put where a new kind would be."""
    if request.param == "command":
        yield CommandDeployer(shop.config, "staging", shop.registry, shop.environ)
        return
    url = shop.config.environments["staging"].deploy.url
    systemctl = tmp_path / "bin/systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(
        SYSTEMCTL.format(
            python=sys.executable, folder=str(shop.folder), port=str(url).rpartition(":")[2]
        )
    )
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.parent}:{os.environ['PATH']}")
    made: Deployer = of_the_docs()(shop.config, "staging")
    for module in (promotion, status):
        monkeypatch.setattr(module, "deployer_for", lambda *_: made)
    yield made


def released(shop: Shop, number: int) -> Release:
    return Ledger(shop.registry).release(shop.release(number))


def nothing_to_verify(url: str) -> None:
    pass


def wait(deployer: Deployer, shop: Shop) -> None:
    with deployer.reached() as url, connect(url, shop.config.serving) as service:
        service.wait_until_ready()


def test_deployer__each_of_its_methods_may_be_called_again(shop: Shop, deployer: Deployer) -> None:
    first, second = released(shop, 1), released(shop, 2)
    assert deployer.running() is None
    for release in (first, second):
        for _ in range(2):
            said = deployer.deploy(release, nothing_to_verify)
            wait(deployer, shop)
            assert deployer.running() == release.id
        assert "already" in said
    for _ in range(2):
        deployer.restore(first)
        wait(deployer, shop)
        assert deployer.running() == first.id
    if isinstance(deployer, CommandDeployer):  # a command cannot be asked to take it all away
        with pytest.raises(DeployError, match=f"{first.id} still runs there"):
            deployer.restore(None)
    else:
        deployer.restore(None)
        assert deployer.running() is None


def test_deployer__promotes_puts_back_and_rolls_back(shop: Shop, deployer: Deployer) -> None:
    for number in (1, 2):
        assert not shop.promote(number, "staging").blocked
        assert shop.serves("staging") == str(number)
    shop.fault(3, "wrong")
    report = shop.promote(3, "staging")
    assert [step.name for step in report.steps][-2:] == ["verify", "put back"]
    assert deployer.running() == shop.release(2)
    assert not shop.mover("staging").rollback(None, None, "bad").blocked
    assert shop.serves("staging") == "1"
    assert status.status(shop.config, shop.context, "staging").environments[0]["drift"] == []


HANGS = """\
import os, subprocess, sys, time
from pathlib import Path
if os.environ["TIDEGATE_MODEL_VERSION"] == "2":
    child = subprocess.Popen(["sleep", "600"])
    Path("hanging").write_text(f"{os.getpid()} {child.pid}")
    print("waiting for the load balancer", flush=True)
    child.wait()
"""


def test_promote__a_deploy_command_that_hangs_is_ended_and_the_one_before_serves(
    shop: Shop,
) -> None:
    shop.ship(1)
    shop.promote(2, "staging")
    deploy = shop.folder / "deploy.py"
    deploy.write_text(HANGS + deploy.read_text())
    config = shop.folder / "tidegate.yaml"
    config.write_text(config.read_text().replace("url:", "timeout-seconds: 1.5, url:"))
    started = time.monotonic()
    with pytest.raises(DeployError, match=r"was ended after 1\.5 s(?s:.*)load balancer") as caught:
        shop.promote(2, "production")
    assert time.monotonic() - started < 15
    assert f"put back: {shop.release(1)}" in caught.value.what
    assert (shop.serves("production"), shop.champion()) == ("1", "1")
    assert len(shop.moves("production")) == 1
    for pid in (shop.folder / "hanging").read_text().split():
        stat = Path(f"/proc/{pid}/stat")
        assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_promote__a_server_that_keeps_the_commands_output_open_does_not_hold_it_up(
    shop: Shop,
) -> None:
    deploy = shop.folder / "deploy.py"
    open_output = deploy.read_text().replace(
        "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL", "stderr=subprocess.STDOUT"
    )
    assert open_output != deploy.read_text()
    deploy.write_text(open_output)
    started = time.monotonic()
    assert not shop.promote(1, "staging").blocked
    assert time.monotonic() - started < 15
    assert shop.serves("staging") == "1"


def test_docker__engine_that_does_not_answer_is_named_with_the_reason_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address := f"tcp://127.0.0.1:{free_port()}")
    with pytest.raises(ImageError) as caught:
        images.connect()
    assert caught.value.what == "no Docker engine answers: connection refused"
    assert caught.value.where == address
