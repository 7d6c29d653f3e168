"""Whatever bytes come as an archive: reports within the limits, or a refusal, and nothing else."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.report import archive
from tidegate.report.archive import ArchiveError, reports_in

VERBS = ("check-data", "gate-model")
LIMIT = 5_000

names = st.one_of(
    st.sampled_from(
        ["check-data.json", "gate-model.json", "../check-data.json", "/gate-model.json", "a/../b"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
contents = st.one_of(
    st.binary(max_size=200),
    st.integers(0, 3 * LIMIT).map(lambda size: b"0" * size),
)


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """A zip file of odd names and sizes, some of its bytes changed afterwards."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, content in draw(st.lists(st.tuples(names, contents), max_size=5)):
            entry = zipfile.ZipInfo(name or "x")
            entry.external_attr = draw(st.sampled_from([0, 0o644, 0o100644, 0o120777])) << 16
            entry.compress_type = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
            made.writestr(entry, content)
    packed = bytearray(stream.getvalue())
    for place, byte in draw(
        st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 255)), max_size=4)
    ):
        packed[place % len(packed)] = byte
    return bytes(packed)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@given(st.one_of(archives(), st.binary(max_size=500)))
def test_reports_in__any_bytes__give_reports_within_the_limit_or_a_refusal(content: bytes) -> None:
    read: list[int] = []

    class Watched(zipfile.ZipExtFile):
        def read(self, n: int | None = -1) -> bytes:
            piece = super().read(n)
            read.append(len(piece))
            return piece

    def never(*_: object, **__: object) -> None:
        raise AssertionError("something is unpacked")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "MAX_FILE", LIMIT)
        patch.setattr(archive, "_PIECE", 1_000)
        patch.setattr(zipfile, "ZipExtFile", Watched)
        for writes in ("extract", "extractall", "_extract_member"):
            patch.setattr(zipfile.ZipFile, writes, never)
        try:
            reports = reports_in(content, VERBS)
        except ArchiveError:
            reports = {}
    assert set(reports) <= set(VERBS)
    assert all(len(report) <= LIMIT for report in reports.values())
    assert sum(read) <= len(VERBS) * (LIMIT + 1_000)


def test_reports_in__honest_archive__gives_what_is_asked_for() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr("check-data.json", b"{}")
        made.writestr("check-data.html", b"<p>")
    assert reports_in(stream.getvalue(), VERBS) == {"check-data": b"{}"}
