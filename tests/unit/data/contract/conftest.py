"""Services in real git repositories."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path

import polars as pl
import pytest

from pull_request import Checkout
from tidegate import config as configs
from tidegate.config import Config
from tidegate.data.contract import Base, Change, contract_changes
from tidegate.policy.branch import Branch

CONFIG = """\
data:
  orders:
    path: {path}
    schema: {schema}
{more}"""


@dataclass
class Service(Checkout):
    """With one dataset, `orders`."""

    def configure(
        self, path: str = "data/orders", schema: str = "schemas.py:Orders", more: str = ""
    ) -> None:
        self.write("tidegate.yaml", CONFIG.format(path=path, schema=schema, more=more))

    @property
    def config(self) -> Config:
        return configs.load(self.root / "tidegate.yaml")

    def base(self, ref: str = "main") -> Base:
        config = self.config
        return Base.of(config, Branch.at(config.root, ref))

    def changes(self, ref: str = "main") -> tuple[Change, ...]:
        return contract_changes("orders", self.config.data["orders"], self.base(ref))

    # DVC's files, in their documented form.

    def store(self, content: bytes) -> str:
        """Put a content into the cache; its digest."""
        digest = md5(content, usedforsecurity=False).hexdigest()
        place = self.cached(digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return digest

    def cached(self, digest: str) -> Path:
        return self.root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]

    def track_file(self, name: str, rows: int) -> str:
        """`dvc add` of a table; its digest."""
        content = table(name, rows)
        self.write_data(name, content)
        digest = self.store(content)
        path = Path(name)
        self.write(f"{name}.dvc", f"outs:\n- md5: {digest}\n  size: {len(content)}\n  hash: md5\n"
                                  f"  path: {path.name}\n")  # fmt: skip
        return digest

    def track_folder(self, name: str, files: Mapping[str, int]) -> str:
        """`dvc add` of a folder of tables, each with its number of rows; its listing's digest."""
        listing, size = [], 0
        shutil.rmtree(self.root / name, ignore_errors=True)
        for file, rows in files.items():
            content = table(file, rows)
            self.write_data(f"{name}/{file}", content)
            listing.append({"md5": self.store(content), "relpath": file})
            size += len(content)
        digest = self.store(json.dumps(listing).encode()) + ".dir"
        self.cached(digest[:-4]).rename(self.cached(digest))
        self.write(f"{name}.dvc", f"outs:\n- md5: {digest}\n  size: {size}\n"
                                  f"  nfiles: {len(files)}\n  hash: md5\n"
                                  f"  path: {Path(name).name}\n")  # fmt: skip
        return digest

    def write_data(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def table(name: str, rows: int) -> bytes:
    frame = pl.DataFrame({"id": range(rows), "text": 'a\n"b"'})
    if name.endswith(".parquet"):
        from io import BytesIO

        stream = BytesIO()
        frame.write_parquet(stream)
        return stream.getvalue()
    text = frame.write_csv().encode()
    if name.endswith(".gz"):
        import gzip

        return gzip.compress(text, mtime=0)
    return text


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """In a folder of its own below the repository's top, as in a repository of several."""
    top = tmp_path / "repository"
    made = Service(top, top / "services/shop")
    made.root.mkdir(parents=True)
    made.git("init", "--quiet", "--initial-branch", "main")
    (made.root / ".dvc").mkdir()
    made.write(".gitignore", "/data/**\n!/data/**/\n!*.dvc\n/.dvc/cache\n__pycache__\n")
    return made
