"""`make demo`: the whole road, seen working on real flights."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.table import Table

from demo import scenarios
from demo.road import APPROVER, AUTHOR, ROOT, Outcome, Road, docker_answers, fresh_home
from local_github.api import LocalGitHub
from tidegate.report import terminal

HOME = ROOT / "build/demo"


def main() -> int:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    started = time.monotonic()
    docker = docker_answers()
    if not docker:
        console.print(
            "No Docker engine with a local base image answers: images are left out, releases run "
            "as local processes. `make docker-engine` sets one up on Debian or Ubuntu as root."
        )
    with LocalGitHub() as github:
        road = Road(fresh_home(HOME), docker, github, console.print)
        try:
            outcomes = walk(road, console)
            state = road.tidegate("status")
            # While it runs: what is stopped would read as drift.
            road.tidegate("board", "--output", str(HOME / "board.html"))
        finally:
            road.stop()
    console.print(Rule("where everything stands"))
    print(state.stdout, flush=True)
    console.print(summary(outcomes))
    console.print(f"{time.monotonic() - started:.0f} s in all.")
    print(farewell(docker))
    return 0 if [outcome.verdict for outcome in outcomes] == EXPECTED else 1


# What a person who reads the five outcomes of the issue expects; tests/runner asserts them, too.
EXPECTED = ["pass", "pass", "pass", "blocked", "blocked", "pass", "blocked", "pass", "pass"]


def walk(road: Road, console: Console) -> list[Outcome]:
    """The road from end to end; each step is told as it happens."""
    done: list[Outcome] = []

    def tell(title: str) -> None:
        console.print(Rule(title))

    def add(outcome: Outcome) -> Outcome:
        done.append(outcome)
        if outcome.comment is not None:
            terminal.show(outcome.comment)
        else:
            console.print(f"   → {outcome.detail}", markup=False)
        return outcome

    tell("a new service, from the template, on real flights of January to March 2013")
    road.make_service()
    tell("1. the first release: no baseline yet")
    release = released(add(road.release("first release")))
    add(road.promote("first release to production", release, APPROVER, "the first one"))
    tell("2. a pull request with more training data")
    add(road.pull_request(2, "more-months", "April to June", scenarios.good_months))
    tell("3. a pull request that brings bad data")
    add(road.pull_request(3, "bad-months", "April to June, new export", scenarios.bad_months))
    tell("4. a pull request that is clearly worse for one carrier")
    flipped = scenarios.one_carrier_flipped
    add(road.pull_request(4, "new-feed", "April to June, new feed", flipped))
    tell("5. the release of 2, its approval, and a roll-back")
    road.merge("more-months")
    release = released(add(road.release("second release")))
    console.print(f"   {AUTHOR}, who made the change, tries to approve it:")
    add(road.promote(f"{AUTHOR} approves her own change", release, AUTHOR, "it is fine"))
    console.print(f"   {APPROVER}, who may, approves it:")
    add(road.promote("second release to production", release, APPROVER, "more months"))
    add(road.roll_back("roll-back to the first release", APPROVER, "just to see it work"))
    return done


def released(outcome: Outcome) -> str:
    """Id of the release that a run made; without one the road ends here."""
    release = outcome.run.output("release")
    if not release:
        log = outcome.run.artifacts.with_suffix(".log")
        raise SystemExit(f"{outcome.name} made no release; the run's log is {log}")
    return release


def summary(outcomes: list[Outcome]) -> Table:
    table = Table(title="what happened", title_justify="left")
    for column in ("", "what", "seen"):
        table.add_column(column)
    for outcome in outcomes:
        table.add_row("✅" if outcome.verdict == "pass" else "⛔", outcome.name, outcome.detail)
    return table


def farewell(docker: bool) -> str:
    # uv may be one that `make` fetched, off the PATH of the person who reads this.
    tools = f"{ROOT}/.venv/bin:{Path(shutil.which('uv') or '').parent}"
    lines = [
        "",
        "Look at it:",
        f"  {HOME}/flight-delay            the service, a git repository with its history",
        f"  {HOME}/flight-delay/tidegate.yaml   its bar: move it and see what changes",
        f"  {HOME}/comments                the comments, as Markdown",
        f"  {HOME}/board.html              the board: open it in a browser",
        f"  {HOME}/mlflow/mlflow.db        registry and ledger",
        "Try next:",
        f"  cd {HOME}/flight-delay && export PATH={tools}:$PATH",
        f"  export MLFLOW_TRACKING_URI=sqlite:///{HOME}/mlflow/mlflow.db",
        "  tidegate status    what ran where, since when, and who let it (nothing runs any more)",
        "  git switch new-feed && uv run dvc checkout data/flights.dvc && make pr",
        "                     the blocked change, by hand",
    ]
    if not docker:
        lines.append("  make docker-engine && make demo     the same with images and containers")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
