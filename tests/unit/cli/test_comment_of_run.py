"""`tidegate comment --run`: the artifact is an attacker's, GitHub is the stand-in."""

from __future__ import annotations

import io
import json
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from local_github.api import LocalGitHub
from rendered_markdown import linked_by_github, read
from sample_reports import (
    COMMIT,
    command_report,
    data_report,
    dataset,
    full_data_report,
    gate_report,
    slice_result,
    undecided,
    worse_slice,
)
from tidegate.cli import main
from tidegate.report.schemas import report_schema

BASE, FORK, RUN, PULL = "acme/flights", "mallory/flights", 900, 7
OTHER_COMMIT = "ee" * 20


@pytest.fixture
def github() -> Iterator[LocalGitHub]:
    """Pull request 7 of a fork, whose run has ended well; and number 1, somebody else's."""
    with LocalGitHub() as local:
        local.add_pull_request(BASE, 1, head_sha=OTHER_COMMIT, author="mona", branch="other")
        local.add_pull_request(BASE, PULL, head_sha=COMMIT, author="mallory", head=FORK)
        happened(local, head_sha=COMMIT, head=FORK)
        yield local


@pytest.fixture
def folder(tmp_path: Path, github: LocalGitHub, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder two levels below one of the test's own, with no checkout."""
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    monkeypatch.setenv("GITHUB_REPOSITORY", BASE)
    monkeypatch.setenv("GITHUB_RUN_ID", "42")
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    monkeypatch.delenv("GITHUB_EVENT_PATH", raising=False)
    inner = tmp_path / "deep" / "here"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    return inner


def happened(
    github: LocalGitHub,
    *,
    head_sha: str = COMMIT,
    head: str = FORK,
    branch: str = "change",
    repository: str = BASE,
    run_id: int = RUN,
    **otherwise: Any,
) -> None:
    """Run 900, of the fork's branch; otherwise: what GitHub says of it, other than by default."""
    made = github.add_run(
        repository, "pull-request", head_sha=head_sha, head_branch=branch, head=head
    )
    run = {**github._runs.pop((repository, made)), "id": run_id, **otherwise}
    run["html_url"] = f"https://github.com/{repository}/actions/runs/{run_id}"
    github._runs[repository, run_id] = run


Files = dict[str, bytes | str | dict[str, Any]]


def packed(files: Files) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            text = json.dumps(content) if isinstance(content, dict) else content
            archive.writestr(name, text)
    return stream.getvalue()


def honest(**changes: Any) -> Files:
    return {"check-data.json": data_report(), "gate-model.json": gate_report(), **changes}


def comment(github: LocalGitHub, content: bytes | None = None, *flags: str) -> str:
    """The one comment, on pull request 7 alone, after the run's artifact was read."""
    if content is not None:
        github.add_artifact(BASE, RUN, content)
    assert main(["comment", f"--run={RUN}", *flags]) == 0
    assert github.comments(BASE, 1) == []
    (posted,) = github.comments(BASE, PULL)
    body = str(posted["body"])
    assert len(body) <= 65_536
    return body


def headline(body: str) -> str:
    return next(line for line in body.splitlines() if line.startswith("## "))


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def is_no_pass(body: str) -> bool:
    return "Ready to merge" not in body and "✅" not in headline(body)


# The good case, and what it may say.


def test_run__of_a_fork_that_ended_well__is_told_as_its_own_word(folder, github):
    body = comment(github, packed(honest()))

    assert headline(body).startswith("## 🔎 Not verified, by the run's own word: data and model")
    assert "it proves nothing" in body
    assert "roc-auc" in body
    assert f"https://github.com/{BASE}/actions/runs/{RUN}" in body
    assert is_no_pass(body)
    report = json.loads((folder / "reports/tidegate/comment.json").read_text())
    Draft202012Validator(report_schema("comment")).validate(report)
    assert (report["posted"], report["service"]) == (True, "flight-delay")


def test_run__bad_reports__are_shown_as_they_are(folder, github):
    happened(github, head_sha=COMMIT, head=FORK, conclusion="failure")
    body = comment(github, packed(honest(**{"gate-model.json": gate_report(worse_slice())})))
    assert "❌ Blocked: the model is clearly worse for carrier B6" in headline(body)


def test_run__again__is_the_same_comment(folder, github):
    comment(github, packed(honest()))
    happened(github, head_sha=COMMIT, head=FORK, conclusion="failure")
    body = comment(github, packed({"check-data.json": undecided("check-data")}))
    assert "Could not be decided" in headline(body)


def test_run__the_token_is_not_sent_to_where_the_artifact_is_kept(folder, github):
    comment(github, packed(honest()))
    (request,) = github.stored_requests
    assert "authorization" not in request
    assert github.token not in str(request)


def test_run__nothing_is_written_but_the_comment(folder, github):
    comment(github, packed(honest()))
    assert files_below(folder) == {
        "reports/tidegate/comment.json",
        "reports/tidegate/comment.md",
    }


def test_run__left_no_reports__nothing_was_decided(folder, github):
    happened(github, head_sha=COMMIT, head=FORK, conclusion="failure")
    body = comment(github)
    assert "⚠️ Could not be decided: the run left no reports" in headline(body)


@pytest.mark.parametrize(
    ("conclusion", "told"),
    [
        ("failure", "the run failed, but its reports do not say why"),
        ("cancelled", "the run was cancelled"),
        ("timed_out", "the run ran out of time"),
        ("startup_failure", "the run could not start"),
        ("something-new", "the run ended as something-new"),
        ("", "the run ended as "),
    ],
)
def test_run__reports_pass_but_github_says_otherwise__is_undecided(
    folder, github, conclusion, told
):
    happened(github, head_sha=COMMIT, head=FORK, conclusion=conclusion)
    body = comment(github, packed(honest()))
    assert f"⚠️ Could not be decided: {told}" in headline(body)
    assert is_no_pass(body)


def test_run__ended_well_with_reports_that_block__is_undecided(folder, github):
    body = comment(github, packed(honest(**{"gate-model.json": gate_report(worse_slice())})))
    assert "Could not be decided: the run ended well, but its reports do not" in headline(body)


def test_run__cancelled_half_way__says_so(folder, github):
    happened(github, head_sha=COMMIT, head=FORK, conclusion="cancelled")
    body = comment(github, packed({"check-data.json": data_report()}))
    assert "Could not be decided: the run was cancelled" in headline(body)


def test_run__changes_the_workflow__is_named_before_anything_else(folder, github):
    names = ["README.md", ".github/workflows/pull-request.yml", ".github/<b>`x`.yml"]
    github.add_pull_request(BASE, PULL, head_sha=COMMIT, author="mallory", head=FORK, files=names)
    body = comment(github, packed(honest()))
    assert "**It also changes what runs:** <code>.github/workflows/pull-request.yml</code>" in body
    assert "README.md" not in body
    assert "<b>" not in body


# Which pull request.


def test_run__a_number_in_the_artifact__is_not_believed(folder, github):
    files = honest(**{"pr-number.txt": "1", "NR": "1", "event.json": '{"number": 1}'})
    files["check-data.json"] = data_report(pull_request=1, number=1)
    comment(github, packed(files))


def test_run__head_moved_on__says_nothing(folder, github, capsys):
    github.add_pull_request(BASE, PULL, head_sha=OTHER_COMMIT, author="mallory", head=FORK)
    github.add_artifact(BASE, RUN, packed(honest()))
    assert main(["comment", f"--run={RUN}"]) == 0
    assert github.comments(BASE, PULL) == []
    assert "no open pull request has this commit as its head now" in capsys.readouterr().err


def test_run__commit_of_another_repository__is_not_taken_for_this_one(folder, github):
    # The same branch and commit: a fork holds every commit of what it was forked from.
    happened(github, head_sha=COMMIT, head="mallory/another")
    github.add_artifact(BASE, RUN, packed(honest()))
    assert main(["comment", f"--run={RUN}"]) == 0
    assert github.comments(BASE, PULL) == []


def test_run__commit_of_somebody_elses_pull_request__is_not_taken_for_it(folder, github):
    happened(github, head_sha=OTHER_COMMIT, head=FORK, branch="other")
    github.add_artifact(BASE, RUN, packed(honest()))
    assert main(["comment", f"--run={RUN}"]) == 0
    assert github.comments(BASE, 1) == []


def test_run__fork_deleted_meanwhile__says_nothing(folder, github):
    happened(github, head_repository=None)
    assert main(["comment", f"--run={RUN}"]) == 0
    assert github.comments(BASE, PULL) == []
    github.faults.clear()  # GitHub answers so, whatever its description says


def test_run__two_pull_requests_of_one_head__is_refused(folder, github, capsys):
    github.add_pull_request(BASE, 8, head_sha=COMMIT, author="mallory", head=FORK)
    assert main(["comment", f"--run={RUN}"]) == 2
    assert "is of the head of 2 pull requests (#7, #8)" in capsys.readouterr().err
    assert github.comments(BASE, PULL) == []


@pytest.mark.parametrize(
    "otherwise",
    [
        {"path": ".github/workflows/release.yml"},
        {"path": ".github/workflows/pull-request.yml.evil"},
        {"event": "push"},
        {"event": "pull_request_target"},
        {"event": "workflow_dispatch"},
        {"status": "in_progress", "conclusion": None},
    ],
    ids=str,
)
def test_run__of_another_workflow_event_or_still_going__is_refused(
    folder, github, otherwise, capsys
):
    happened(github, head_sha=COMMIT, head=FORK, **otherwise)
    github.add_artifact(BASE, RUN, packed(honest()))
    assert main(["comment", f"--run={RUN}"]) == 2
    assert f"run {RUN} " in capsys.readouterr().err
    assert github.comments(BASE, PULL) == []


def test_run__of_another_repository__does_not_exist(folder, github):
    happened(github, repository="acme/other", run_id=901, head_sha=COMMIT, head=FORK)
    assert main(["comment", "--run=901"]) == 2
    assert github.comments(BASE, PULL) == []


def test_run__path_with_its_branch__is_the_same_workflow(folder, github):
    path = ".github/workflows/pull-request.yml@refs/heads/main"
    happened(github, head_sha=COMMIT, head=FORK, path=path)
    comment(github, packed(honest()))


def test_run__artifact_of_another_run__is_not_read(folder, github):
    github.add_artifact(BASE, RUN + 1, packed(honest()))
    assert "the run left no reports" in headline(comment(github))


def test_run__several_attempts__the_latest_artifact_counts(folder, github):
    github.add_artifact(BASE, RUN, packed(honest()))
    body = comment(github, packed({"check-data.json": undecided("check-data")}))
    assert is_no_pass(body)
    assert "Could not be decided" in headline(body)


def test_run__override_that_it_claims__is_none(folder, github):
    by = {
        "by": "lee",
        "role": "maintain",
        "label": "override",
        "at": "2026-11-24T14:00:00+00:00",
        "commit": COMMIT,
        "run_url": None,
    }
    gate = {**gate_report(worse_slice()), "blocked": False, "override": by}
    body = comment(github, packed(honest(**{"gate-model.json": gate})))
    assert "verridden" not in body
    assert is_no_pass(body)


# The archive.


def with_entry(name: str, content: bytes = b"x", **fields: Any) -> bytes:
    """An honest archive with one entry more."""
    stream = io.BytesIO(packed(honest()))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name)
        for field, value in fields.items():
            setattr(entry, field, value)
        archive.writestr(entry, content)
    return stream.getvalue()


LINK = (stat.S_IFLNK | 0o777) << 16
CLIMBING = {
    "climbs": with_entry("../../evil.json"),
    "climbs from a folder": with_entry("a/../../../evil.json"),
    "climbs as a report": with_entry("../gate-model.json"),
    "climbs by backslash": with_entry("..\\..\\evil.json"),
    "absolute": with_entry("/tmp/evil.json"),  # noqa: S108
    "absolute on Windows": with_entry("C:\\evil.json"),
    "drive of Windows": with_entry("C:evil.json"),
    "link": with_entry("gate-model.json.lnk", b"/etc/passwd", external_attr=LINK),
    "report that is a link": with_entry("pull-data.json", b"/etc/passwd", external_attr=LINK),
    "device": with_entry("null", external_attr=(stat.S_IFCHR | 0o666) << 16),
    "many files": packed({f"{number}.txt": "x" for number in range(1_001)}),
}


@pytest.mark.parametrize("content", CLIMBING.values(), ids=CLIMBING)
def test_archive__that_is_no_honest_one__is_refused_as_a_whole(folder, github, content):
    body = comment(github, content)
    assert "Could not be decided: its reports were refused: the archive holds" in headline(body)
    assert "roc-auc" not in body
    assert files_below(folder.parents[1]) == {
        "GITHUB_OUTPUT",
        "GITHUB_STEP_SUMMARY",
        "deep/here/reports/tidegate/comment.json",
        "deep/here/reports/tidegate/comment.md",
    }


@pytest.mark.parametrize("size", [10, 100])
def test_archive__zip_bomb__is_given_up_at_the_limit(folder, github, size):
    # Deflate packs zeros a thousand times: the archive itself is small.
    bomb = b'{"a": "' + b"0" * (size * 1_000_000) + b'"}'
    body = comment(github, packed(honest(**{"gate-model.json": bomb})))
    assert "packed like a bomb" in headline(body)


def test_archive__bomb_in_an_archive_in_an_archive__is_not_opened(folder, github):
    inner = packed({"bomb": b"0" * 10_000_000})
    for _ in range(5):
        inner = packed({f"{number}.zip": inner for number in range(10)})
    body = comment(github, packed(honest(**{"reports.zip": inner})))
    assert "Not verified" in headline(body)
    assert "is refused: no JSON" in comment(github, packed({"gate-model.json": inner}))


def test_archive__size_that_lies__is_not_believed(folder, github):
    content = packed(honest(**{"gate-model.json": b"0" * 9_000_000}))
    size = struct.pack("<I", 9_000_000)
    assert content.count(size) == 2
    body = comment(github, content.replace(size, struct.pack("<I", 10)))
    assert "its reports were refused" in headline(body)


def test_archive__enormous__is_not_fetched_to_its_end(folder, github):
    body = comment(github, b"PK" + b"\0" * 30_000_000)
    assert "the archive is larger than 20,000,000 bytes" in headline(body)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archive__report_twice__is_refused(folder, github):
    body = comment(github, with_entry("gate-model.json", b"{}"))
    assert "the archive holds the file twice" in headline(body)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"no zip at all", b"\0" * 1_000, packed(honest())[:-30], packed(honest())[40:]],
    ids=["empty", "beginning", "text", "zeros", "cut", "beheaded"],
)
def test_archive__damaged__is_undecided(folder, github, content):
    body = comment(github, content)
    assert "Could not be decided" in headline(body)
    assert is_no_pass(body)


def test_archive__changed_byte__is_undecided(folder, github):
    content = bytearray(packed(honest()))
    content[60] ^= 0xFF
    assert "the archive cannot be read" in headline(comment(github, bytes(content)))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archive__oddly_packed__is_refused(folder, github, method):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("gate-model.json", json.dumps(gate_report()))
    assert "oddly packed" in headline(comment(github, stream.getvalue()))


def test_archive__encrypted__is_refused(folder, github):
    content = bytearray(packed({"gate-model.json": gate_report()}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in headline(comment(github, bytes(content)))


def test_archive__name_with_a_nul__hides_nothing(folder, github):
    content = packed(honest(**{"gate-model.json_.txt": b"{}"}))
    assert "no name" in headline(comment(github, content.replace(b"json_.txt", b"json\0.txt")))


def test_archive__reports_in_a_folder_or_as_markdown__are_not_taken(folder, github):
    files: Files = {f"inner/{name}": content for name, content in honest().items()}
    files |= {"comment.md": "# ✅ Ready to merge", "comment.json": {"body": "✅ Ready to merge"}}
    files |= {"GATE-MODEL.JSON": gate_report(), "gate-model.json ": gate_report()}
    body = comment(github, packed(files))
    assert "check-data and gate-model did not run" in headline(body)
    assert is_no_pass(body)


# The reports.


def deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


WRONG = {
    "list": b"[]",
    "nothing": b"",
    "text": b'"pass"',
    "NaN": json.dumps({**gate_report(), "confidence": float("nan")}).encode(),
    "infinity": json.dumps({**gate_report(), "confidence": float("inf")}).encode(),
    "too large a number": json.dumps(gate_report()).replace("0.95", "1e999").encode(),
    "too long a number": json.dumps(gate_report()).replace("0.95", "9" * 100_000).encode(),
    "deep": deep(100_000),
    "quite deep": json.dumps({**gate_report(), "more": json.loads(deep(30))}).encode(),
    "bad UTF-8": json.dumps(gate_report())
    .replace("roc-auc", "roc\udcff")
    .encode("utf-8", "surrogateescape"),
    "UTF-16": json.dumps(gate_report()).encode("utf-16"),
    "verb of another": json.dumps(data_report()).encode(),
    "no own fields": json.dumps(command_report("gate-model")).encode(),
    "verdict in capitals": json.dumps({**gate_report(), "verdict": "PASS"}).encode(),
    "text for a number": json.dumps(gate_report(slice_result(rows="many"))).encode(),
    "number for a text": json.dumps(gate_report(slice_result(metric=3))).encode(),
    "true for a count": json.dumps(gate_report(slice_result(rows=True))).encode(),
    "list for an object": json.dumps({**gate_report(), "record": []}).encode(),
    "version to come": json.dumps({**gate_report(), "schema_version": 2}).encode(),
    "another commit": json.dumps({**gate_report(), "commit": OTHER_COMMIT}).encode(),
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_report__that_breaks_its_schema__is_refused_and_says_so(folder, github, content):
    body = comment(github, packed(honest(**{"gate-model.json": content})))
    assert "Could not be decided" in headline(body)
    assert "its report is refused" in body
    assert is_no_pass(body)


def test_report__a_hundred_thousand_datasets__is_refused_in_time(folder, github):
    report = json.dumps(data_report()).replace(
        '"datasets": [', '"datasets": [' + "{}," * 100_000, 1
    )
    body = comment(github, packed(honest(**{"check-data.json": report})))
    assert "its report is refused" in body


def test_report__as_many_results_as_fit__are_shown_in_time(folder, github):
    results = [slice_result(f"carrier {number}") for number in range(9_000)]
    body = comment(github, packed(honest(**{"gate-model.json": gate_report(*results)})))
    assert "Not verified" in headline(body)
    assert "9,000" in body or "9000" in body


HOSTILE = (
    "</code></pre></details>--><script>x</script><img src=x> **b** @acme/all #1 [a](javascript:x)"
)


def test_report__hostile_text_in_every_string__is_shown_and_does_nothing(folder, github):
    gate = gate_report(
        slice_result(HOSTILE, metric=HOSTILE, reason=HOSTILE, verdict="fail"),
        notes=[HOSTILE],
        budgets=[],
        service=HOSTILE,
    )
    gate["slice"] = {HOSTILE: HOSTILE}
    for name in ("digest", "config_digest", "evaluation_digest", "service", "model"):
        gate["record"][name] = HOSTILE
    data = full_data_report(HOSTILE, commit=COMMIT)
    pull = undecided("pull-data")
    pull["error"] = {"what": HOSTILE, "where": HOSTILE, "remedy": HOSTILE}
    files: Files = {"check-data.json": data, "gate-model.json": gate, "pull-data.json": pull}
    files[f"{HOSTILE}.txt".replace("/", "")] = "x"
    happened(github, head_sha=COMMIT, head=FORK, conclusion="failure")

    seen = read(comment(github, packed(files)))

    assert not {"script", "img"} & {*seen.elements}
    assert seen.elements.count("a") == 1  # to the run
    assert linked_by_github(seen) == []
    assert {*seen.open} <= {"br"}
    assert "<script>x</script>" in seen.text


def test_report__that_cannot_be_shown__is_refused_as_a_whole(folder, github, monkeypatch):
    from tidegate.report import wording

    def fails(*_: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(wording, "rows", fails)
    bad = data_report(dataset(verdict="fail"))
    body = comment(github, packed(honest(**{"check-data.json": bad})))
    assert "its reports were refused: they cannot be shown" in headline(body)


def test_crc__is_what_the_changed_byte_breaks() -> None:
    # So that the test above cannot pass for another reason.
    content = packed(honest())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        first = archive.infolist()[0]
        assert zlib.crc32(archive.read(first)) == first.CRC
