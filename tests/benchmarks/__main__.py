"""Every figure beside its target: `make benchmark`, or some of them: `make benchmark ONLY=start`.

Times are medians of processes that take turns on this machine: leave it alone meanwhile.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import data_speed, drift, gate_speed, inference, promotion, start, table, watch

BENCHMARKS = {
    "start": start.lines,
    "gate-speed": gate_speed.lines,
    "data-speed": data_speed.lines,
    "drift": drift.lines,
    "inference": inference.lines,
    "promotion": promotion.lines,
    "watch": watch.lines,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (default: all)"
    )
    names = parser.parse_args().names or list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark is called {name!r}; there are {', '.join(BENCHMARKS)}")
    met = True
    for name in names:
        print(f"\n## {name}\n")
        met = table.show(BENCHMARKS[name]()) and met
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
