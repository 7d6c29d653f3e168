import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained by the pipeline's own stages on a few rows."""
    from arrival_delay import features, train

    from sample import RAW

    folder = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("build").mkdir()
        Path("params.yaml").write_text("train: {max_iter: 5, min_samples_leaf: 5}\n")
        features.with_label(RAW).write_parquet("build/train.parquet")
        train.main()
    return folder / train.MODEL


@pytest.fixture(scope="session")
def client(model: Path) -> Iterator[TestClient]:
    from arrival_delay.serve import create_app

    # A failure must be an answer, as it is to a client that is somewhere else.
    with TestClient(create_app(model), raise_server_exceptions=False) as client:
        yield client
