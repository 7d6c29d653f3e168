"""One issue a service while something is wrong with it: opened, kept up to date, closed.

What the next run has to know stands in the issue itself, so that whoever writes it needs neither
the history nor a checkout.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

from tidegate.errors import GitHubError
from tidegate.github.api import GitHub
from tidegate.report import incident_issue, watch_wording

Report = Mapping[str, Any]
Did = Literal["opened", "updated", "closed", "left", "nothing"]

_STATE = "<!-- tidegate:incident-state "
_PAGE = 100
# Two runs that race may each take its own time for the beginning.
_SAME = timedelta(minutes=30)


@dataclass(frozen=True)
class State:
    """What an issue remembers. parts: those that it was ever about; started: by `on-fail`."""

    begun: str
    parts: tuple[str, ...]
    over: bool = False
    started: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        """A comment of HTML that nothing in it can end."""
        text = json.dumps(asdict(self))
        for character in "<>-":
            text = text.replace(character, f"\\u{ord(character):04x}")
        return f"{_STATE}{text} -->"

    @classmethod
    def read(cls, body: str) -> State | None:
        """None where somebody has damaged it."""
        try:
            text = body.split(_STATE, 1)[1].split(" -->", 1)[0]
            kept = json.loads(text)
            datetime.fromisoformat(kept["begun"])
            return cls(**{**kept, "parts": tuple(map(str, kept["parts"]))})
        except (IndexError, ValueError, KeyError, TypeError):
            return None


@dataclass(frozen=True)
class Issue:
    """state: None where it was damaged."""

    number: int
    url: str
    is_open: bool
    state: State | None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Issue:
        try:
            state = State.read(values.get("body") or "")
            is_open = values["state"] == "open"
            return cls(int(values["number"]), str(values["html_url"]), is_open, state)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise GitHubError(
                "the answer is not GitHub's: it is no issue",
                remedy="see that GITHUB_API_URL names the API, such as https://api.github.com",
            ) from None


@dataclass(frozen=True)
class Outcome:
    """What was done, in a word and in a sentence. start: what is to be started now, if anything."""

    did: Did
    detail: str
    issue: Issue | None = None
    start: Mapping[str, Any] | None = None


class Incidents:
    """The issues of one service. repository_url: for links to its runbooks."""

    def __init__(self, github: GitHub, service: str, repository_url: str):
        self._github = github
        self._url = repository_url
        self._marker = incident_issue.incident_marker(service)

    def write(self, report: Report) -> Outcome:
        """Bring the issue in line with a report of watch that was decided."""
        incident = report["incident"]
        if incident is None or incident["ended"] is not None:
            return self._end(report)
        try:
            return self._go_on(report)
        except GitHubError as error:
            if _is_refusal(error) and error.status != 404:
                raise
            # Once more from the beginning: an answer may have been lost after the issue was made.
            return self._go_on(report)

    def refused(self, report: Report, issue: Issue, error: GitHubError) -> None:
        """Say in the issue that what it announced was not started, so that the next run tries.

        Where nobody knows whether it was (a lost answer), it counts as started: at most once.
        """
        state = issue.state
        if state is None or state.started is None or not _is_refusal(error):
            return
        started = {**state.started, "error": error.what}
        self._patch(issue, report, replace(state, started=started))

    def _go_on(self, report: Report) -> Outcome:
        incident = report["incident"]
        failing = incident["failing"]
        mine = self._mine(incident["since"])
        going = [issue for issue in mine if issue.is_open]
        if going:
            return self._update(report, going)
        here = [issue for issue in mine if issue.state and self._is_of(issue.state, incident)]
        if here and (closed := here[-1]).state is not None:
            if set(failing) <= set(closed.state.parts):
                detail = f"somebody closed {closed.url}, and nothing else fails since"
                return Outcome("left", detail, closed)
            return self._update(report, [closed])
        started = _to_start(report, None)
        state = State(incident["begun"], tuple(incident["parts"]), started=started)
        made = Issue.of(
            self._github.post(
                "issues",
                {"title": watch_wording.title(report), "body": self._body(report, state)},
            )
        )
        # Another run may have made one meanwhile: of several, everybody keeps the first.
        going = [issue for issue in self._mine(incident["since"]) if issue.is_open]
        if going and going[0].number != made.number:
            return self._update(report, going)
        return Outcome("opened", f"opened {made.url}", made, started)

    def _update(self, report: Report, going: Sequence[Issue]) -> Outcome:
        """going: issues of this incident, oldest first; the first one is kept."""
        kept, incident = going[0], report["incident"]
        known = kept.state or State(incident["begun"], ())
        started = _to_start(report, known.started)
        parts = tuple(dict.fromkeys([*known.parts, *incident["parts"]]))
        state = State(known.begun, parts, started=started or known.started)
        kept = self._patch(kept, report, state)
        more = [part for part in incident["failing"] if part not in known.parts]
        if more and known.parts:
            self._comment(kept, incident_issue.render_note("more", report, more))
        for duplicate in going[1:]:
            self._github.patch(
                f"issues/{duplicate.number}", {"state": "closed", "state_reason": "not_planned"}
            )
            note = incident_issue.render_note("duplicate", report, [f"number {kept.number}"])
            self._comment(duplicate, note)
        return Outcome("updated", f"brought up to date: {kept.url}", kept, started)

    def _end(self, report: Report) -> Outcome:
        """Close what is open, where the history, or all of this run, says that it is over."""
        going = [issue for issue in self._mine(None) if issue.is_open]
        if not going:
            return Outcome("nothing", "nothing is wrong, and no issue is open")
        if report["incident"] is None and report["verdict"] != "pass":
            detail = f"left open, since not everything passes: {going[0].url}"
            return Outcome("left", detail, going[0])
        if report["incident"] is None and any(
            part["passes"] < report["rule"]["passes"] for part in report["parts"]
        ):
            detail = f"left open until all has passed for long enough: {going[0].url}"
            return Outcome("left", detail, going[0])
        for issue in going:
            state = replace(issue.state or State(report["at"], ()), over=True)
            values = self._github.get(f"issues/{issue.number}")
            body = _with_state(str(values["body"]), state)
            self._github.patch(
                f"issues/{issue.number}",
                {"body": body, "state": "closed", "state_reason": "completed"},
            )
            parts = state.parts or tuple(part["part"] for part in report["parts"])
            self._comment(issue, incident_issue.render_note("ended", report, parts))
        return Outcome("closed", f"closed {going[0].url}", replace(going[0], is_open=False))

    def _is_of(self, state: State, incident: Mapping[str, Any]) -> bool:
        """Whether a closed issue was about this very incident, and a person closed it."""
        apart = datetime.fromisoformat(state.begun) - datetime.fromisoformat(incident["begun"])
        return not state.over and abs(apart) < _SAME

    def _patch(self, issue: Issue, report: Report, state: State) -> Issue:
        body = {
            "title": watch_wording.title(report),
            "body": self._body(report, state),
            "state": "open",
        }
        return Issue.of(self._github.patch(f"issues/{issue.number}", body))

    def _body(self, report: Report, state: State) -> str:
        return incident_issue.render_issue(report, str(state), self._url, state.started)

    def _comment(self, issue: Issue, text: str) -> None:
        self._github.post(f"issues/{issue.number}/comments", {"body": text})

    def _mine(self, since: str | None) -> list[Issue]:
        """This service's issues, oldest first; closed ones, too, that changed since a moment.

        Only those that a bot wrote, or the token's own user: people can copy the marker, and
        whoever wrote an issue can change what it says.
        """
        marked = [
            issue
            for issue in self._listed(since)
            if (issue["body"] or "").startswith(self._marker)
            and issue["user"]
            and "pull_request" not in issue
        ]
        login = None
        if any(issue["user"]["type"] != "Bot" for issue in marked):
            login = self._github.login()
        return sorted(
            (
                Issue.of(issue)
                for issue in marked
                if issue["user"]["type"] == "Bot" or issue["user"]["login"] == login
            ),
            key=lambda issue: issue.number,
        )

    def _listed(self, since: str | None) -> Iterator[Mapping[str, Any]]:
        filters = "state=open"
        if since is not None:
            moment = datetime.fromisoformat(since) - _SAME
            filters = f"state=all&since={quote(moment.strftime('%Y-%m-%dT%H:%M:%SZ'))}"
        page = 1
        while True:
            found = self._github.get(f"issues?{filters}&per_page={_PAGE}&page={page}")
            yield from found
            if len(found) < _PAGE:
                return
            page += 1


def _to_start(report: Report, started: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What is to be started now: at most once an incident, unless GitHub has refused it."""
    action = report["action"]
    if action is None or action["workflow"] is None:
        return None
    if started is not None and not started.get("error"):
        return None
    return {
        "kind": action["kind"],
        "workflow": action["workflow"],
        "why": action["why"],
        "at": report["at"],
        "run_url": report["run_url"],
        "error": None,
    }


def _is_refusal(error: GitHubError) -> bool:
    return error.status is not None and 400 <= error.status < 500


def _with_state(body: str, state: State) -> str:
    before, found, rest = body.partition(_STATE)
    return f"{before}{state}{rest.partition(' -->')[2]}" if found else body
