"""How fast data checks are, and what they hold in memory, beside what else does the same.

Each run is a process of its own, from its start to its end: imports, reading, checks and, of
tidegate, digests and reports, too. The sides take turns; seconds are medians, memory is the most
of any run. Only against Polars by hand a start has no part in the ratio: what each side takes for
1,000 rows is subtracted on both, and the ratio with it stands beside. A start has its own line.
python -m benchmarks.data_speed --rows 100000 --many-rows 1000000    (small, to try it out)
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.table import Line, show

ROOT = Path(__file__).resolve().parents[2]
SIDES = Path(__file__).resolve().parent / "data_sides"
GREAT_EXPECTATIONS = ROOT / "build/great-expectations"
FAILING = 0.1
RULES = 37  # of Table: 12 types, 11 of nulls, 13 checks of a column, one of two


@dataclass(frozen=True)
class Runs:
    """seconds: the median. memory: GiB resident, the most."""

    seconds: float
    memory: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s, {self.memory:.2f} GiB"


def lines(rows: int = 10_000_000, many_rows: int = 100_000_000) -> Iterator[Line]:
    """The larger table takes 7 GB of disk."""
    with table(1_000, 1) as small:
        yield _cold_start(small)
        with table(rows, 4) as whole:
            yield _beside_by_hand(small, whole, rows)
            yield from _beside_pandera(whole, rows)
            yield _beside_great_expectations(whole, rows)
            with table(rows, 4, FAILING) as broken:
                yield _failing_beside_none(whole, broken, rows)
    with table(many_rows, 20) as large:
        yield from _large(large, many_rows)


@contextmanager
def table(rows: int, files: int, share: float = 0) -> Iterator[Path]:
    """A folder with the table's files in `table`, and the schemas in `schema.py`."""
    with TemporaryDirectory(prefix="tidegate-benchmark-") as name:
        folder = Path(name)
        shutil.copy(SIDES / "schema.py", folder)
        (folder / "table").mkdir()
        sizes = [str(rows), str(files), str(share)]
        command = [sys.executable, str(SIDES / "write_table.py"), "table", *sizes]
        subprocess.run(command, cwd=folder, check=True)
        yield folder


def tidegate(schema: str) -> list[str]:
    command = str(Path(sys.executable).parent / "tidegate")
    return [command, "check-data", "--data", "table", "--schema", f"schema.py:{schema}"]


def by(script: str, python: str = sys.executable) -> list[str]:
    return [python, str(SIDES / script), "table"]


def taking_turns(
    sides: Mapping[str, tuple[Sequence[str], Path]], repeats: int, codes: Mapping[str, int] = {}
) -> dict[str, Runs]:
    """Run (command, folder) of each side so often. codes: exit codes that are not 0."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, (command, folder) in sides.items():
            seen[name].append(_run(command, folder, codes.get(name, 0)))
    return {
        name: Runs(statistics.median(run[0] for run in runs), max(run[1] for run in runs))
        for name, runs in seen.items()
    }


def _run(command: Sequence[str], folder: Path, wanted: int) -> tuple[float, float]:
    measured = [sys.executable, "-I", str(SIDES / "measured.py"), *command]
    environ = {**os.environ, "GX_ANALYTICS_ENABLED": "false"}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a start compiles nothing but the first time
    done = subprocess.run(measured, cwd=folder, env=environ, check=True, capture_output=True)
    code, seconds, memory, said = json.loads(done.stdout)
    if code != wanted:
        raise SystemExit(f"{' '.join(command)} ended with {code}, not {wanted}:\n{said}")
    return seconds, memory


def _cold_start(folder: Path) -> Line:
    """With what Polars alone takes for the start and the same rules: machines differ by far."""
    sides = {"ours": (tidegate("Keyed"), folder), "by hand": (by("by_hand.py"), folder)}
    runs = taking_turns(sides, 7)
    ours = runs["ours"]
    return Line(
        f"cold start to verdict on 1,000 rows (Polars by hand: {runs['by hand'].seconds:.2f} s)",
        "≤ 0.8 s",
        str(ours),
        ours.seconds <= 0.8,
    )


def _beside_by_hand(small: Path, whole: Path, rows: int) -> Line:
    runs = taking_turns(
        {
            "start": (tidegate("Table"), small),
            "start by hand": (by("by_hand.py"), small),
            "ours": (tidegate("Table"), whole),
            "by hand": (by("by_hand.py"), whole),
        },
        5,
    )
    _hold_to_all_rules(whole, rows)
    ours, by_hand = runs["ours"], runs["by hand"]
    started = ours.seconds / by_hand.seconds
    ratio = (ours.seconds - runs["start"].seconds) / (
        by_hand.seconds - runs["start by hand"].seconds
    )
    return Line(
        f"{_counted(rows)}, no uniqueness, against streaming Polars by hand ({by_hand}, of it "
        f"{runs['start by hand'].seconds:.2f} s start)",
        "≤ 1.5 times its time",
        f"{ours}, of it {runs['start'].seconds:.2f} s start; ratio {ratio:.2f}, with the starts "
        f"{started:.2f}",
        ratio <= 1.5,
    )


def _beside_pandera(folder: Path, rows: int) -> Iterator[Line]:
    """With what the same takes by hand: nothing that looks at every row of it is much faster."""
    runs = taking_turns(
        {
            "ours": (tidegate("Keyed"), folder),
            "pandera": (by("by_pandera.py"), folder),
            "by hand": ([*by("by_hand.py"), "id"], folder),
        },
        5,
    )
    ours, other = runs["ours"], runs["pandera"]
    figure = (
        f"{_counted(rows)} with a unique id, against pandera's Polars backend ({other}; streaming "
        f"Polars by hand {runs['by hand']})"
    )
    faster = other.seconds / ours.seconds
    yield Line(figure, "≥ 2.5 times faster", f"{ours}, {faster:.1f} times", faster >= 2.5)
    share = ours.memory / other.memory
    yield Line(figure, "≤ half its memory", f"{ours}, ratio {share:.2f}", share <= 0.5)


def _beside_great_expectations(folder: Path, rows: int) -> Line:
    ready = GREAT_EXPECTATIONS.relative_to(ROOT) / ".ready"
    subprocess.run(["make", "--silent", str(ready)], cwd=ROOT, check=True)
    theirs = by("by_great_expectations.py", str(GREAT_EXPECTATIONS / "bin/python"))
    runs = taking_turns({"ours": (tidegate("Keyed"), folder), "theirs": (theirs, folder)}, 3)
    ours, other = runs["ours"], runs["theirs"]
    faster = other.seconds / ours.seconds
    return Line(
        f"{_counted(rows)} with a unique id, against Great Expectations on pandas ({other})",
        "≥ 12 times faster",
        f"{ours}, {faster:.1f} times",
        faster >= 12,
    )


def _failing_beside_none(whole: Path, broken: Path, rows: int) -> Line:
    runs = taking_turns(
        {"none": (tidegate("Table"), whole), "failing": (tidegate("Table"), broken)},
        5,
        codes={"failing": 1},
    )
    ratio = runs["failing"].seconds / runs["none"].seconds
    return Line(
        f"{_counted(rows)}, {FAILING:.0%} of them failing, against none failing ({runs['none']})",
        "≤ 1.5 times its time",
        f"{runs['failing']}, ratio {ratio:.2f}",
        ratio <= 1.5,
    )


def _large(folder: Path, rows: int) -> Iterator[Line]:
    runs = taking_turns(
        {"plain": (tidegate("Table"), folder), "unique": (tidegate("Keyed"), folder)}, 3
    )
    size = sum(file.stat().st_size for file in (folder / "table").iterdir()) / 1e9
    plain, unique = runs["plain"], runs["unique"]
    yield Line(
        f"{_counted(rows)} ({size:.1f} GB Parquet), no uniqueness",
        "≤ 1 GiB resident",
        str(plain),
        plain.memory <= 1,
    )
    ratio = unique.seconds / plain.seconds
    yield Line(
        "the same with a unique id, in no order",
        "≤ 2 GiB resident, ≤ 3 times the time without it",
        f"{unique}, ratio {ratio:.2f}",
        unique.memory <= 2 and ratio <= 3,
    )


def _hold_to_all_rules(folder: Path, rows: int) -> None:
    """What was measured must be the whole work."""
    report = json.loads((folder / "reports/tidegate/check-data.json").read_text())
    found = report["datasets"][0]
    if (found["rows"], len(found["checks"]), found["engine"]) != (rows, RULES, "polars"):
        raise SystemExit(f"tidegate did not judge everything: {found}")


def _counted(rows: int) -> str:
    return f"{rows // 1_000_000} M rows" if rows >= 1_000_000 else f"{rows:,} rows"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--many-rows", type=int, default=100_000_000)
    chosen = parser.parse_args()
    return 0 if show(lines(chosen.rows, chosen.many_rows)) else 1


if __name__ == "__main__":
    sys.exit(main())
