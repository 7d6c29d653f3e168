"""What Tidegate uses of Spark, in this process: kernels at work on partitions, and shuffles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa

from tidegate.spark.rows import Row, packed, unpacked

Batches = Iterator[pa.RecordBatch]


class FakeFrame:
    def __init__(self, partitions: list[list[Row]]):
        self._partitions = partitions

    def repartition(self, count: int, *columns: str) -> FakeFrame:
        assert columns in ((), ("part",))
        partitions: list[list[Row]] = [[] for _ in range(count)]
        # Rows come in any order from the partitions before.
        for number, row in enumerate(reversed([*self._rows()])):
            partitions[(row.part if columns else number) % count].append(row)
        return FakeFrame(partitions)

    def sortWithinPartitions(self, column: str) -> FakeFrame:
        assert column == "part"
        return FakeFrame([sorted(rows, key=lambda row: row.part) for rows in self._partitions])

    def mapInArrow(self, work: Callable[[Batches], Batches], _: str) -> FakeFrame:
        return FakeFrame([list(unpacked(work(packed(rows)))) for rows in self._partitions])

    def collect(self) -> list[Row]:
        return list(self._rows())

    def _rows(self) -> Iterable[Row]:
        return (row for rows in self._partitions for row in rows)


class FakeSession:
    def __init__(self) -> None:
        self.conf = FakeConf()

    def createDataFrame(self, table: pa.Table, _: str) -> FakeFrame:
        return FakeFrame([list(unpacked(table.to_batches()))])


class FakeConf:
    def __init__(self) -> None:
        self._values = {"spark.sql.shuffle.partitions": "3"}

    def get(self, name: str, default: Any = None) -> Any:
        return self._values.get(name, default)

    def set(self, name: str, value: str) -> None:
        self._values[name] = value

    def unset(self, name: str) -> None:
        del self._values[name]
