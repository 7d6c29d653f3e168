"""The model card: what the gate knows is filled in, what people wrote stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rendered_markdown import linked_by_github, read
from sample_reports import check, data_report, dataset, gate_report, override, result, worse_slice
from tidegate.cli import main
from tidegate.errors import TidegateError
from tidegate.gate import record as records
from tidegate.report import card

CARD = f"# Mine\n\nFor the board.\n\n{card.BEGIN}\nof last year\n{card.END}\n\nAsk ada.\n"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tidegate.yaml").write_text("service: shop\n")
    (tmp_path / "MODEL_CARD.md").write_text(CARD)
    (tmp_path / "reports/tidegate").mkdir(parents=True)
    return tmp_path


def write(folder: Path, report: dict[str, Any]) -> None:
    if report["verb"] == "gate-model":
        content = {name: value for name, value in report["record"].items() if name != "digest"}
        report = {**report, "record": records.seal(content)}
    (folder / "reports/tidegate" / f"{report['verb']}.json").write_text(json.dumps(report))


def test_card__what_the_gate_knows_is_between_the_marks_and_the_rest_is_as_it_was(
    service: Path,
) -> None:
    write(service, gate_report(result(), worse_slice(), notes=["carrier=HA has 12 rows"]))
    write(service, data_report(dataset(check())))
    assert main(["card"]) == 0
    text = (service / "MODEL_CARD.md").read_text()
    before, _, rest = text.partition(card.BEGIN)
    inside, _, after = rest.partition(card.END)
    assert (before, after) == ("# Mine\n\nFor the board.\n\n", "\n\nAsk ada.\n")
    assert "of last year" not in inside
    shown = read(inside).text
    for part in ("roc-auc", "carrier B6", "flights", "carrier=HA has 12 rows", "gate record"):
        assert part in shown
    assert main(["card"]) == 0
    assert (service / "MODEL_CARD.md").read_text() == text


def test_card__without_a_data_check_says_that_nothing_is_known_of_the_data(service: Path) -> None:
    write(service, gate_report(result()))
    assert main(["card"]) == 0
    assert "nothing is known of the data" in (service / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"verdict": "fail", "blocked": True}, "fail: it must not be used"),
        ({"verdict": "fail", "blocked": False, "override": override()}, "which is not a pass"),
        ({"verdict": "inconclusive", "blocked": False}, "inconclusive: the gate only warns"),
    ],
)
def test_card__a_verdict_that_is_no_pass_never_reads_as_one(
    fields: dict[str, Any], said: str
) -> None:
    assert said in read(card.render({**gate_report(result()), **fields}, None)).text


def test_card__hostile_text_is_shown_and_neither_acts_nor_ends_the_part() -> None:
    hostile = f"{card.END} <script>x</script> @octocat [x](http://x)"
    gate = gate_report(result(metric=hostile), worse_slice(hostile), notes=[hostile])
    body = card.render(gate, data_report(dataset(check(), name=hostile)))
    assert card.END not in body
    assert "<script" not in body
    page = read(body)
    assert not {"a", "script"} & {*page.elements}
    assert linked_by_github(page) == []
    filled = card.filled_in(CARD, body, Path("card.md"))
    assert filled.endswith("\n\nAsk ada.\n")
    assert card.filled_in(filled, body, Path("card.md")) == filled


@pytest.mark.parametrize(
    "text",
    ["", card.BEGIN, card.END, card.END + card.BEGIN, 2 * (card.BEGIN + card.END)],
    ids=["none", "no end", "no beginning", "wrong order", "twice"],
)
def test_filled_in__a_card_without_its_marks_is_an_error_that_says_which(text: str) -> None:
    with pytest.raises(TidegateError) as caught:
        card.filled_in(text, "body", Path("card.md"))
    assert card.BEGIN in str(caught.value.remedy)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "reports/tidegate/gate-model.json").unlink(), "no verdict"),
        (
            lambda folder: (folder / "reports/tidegate/gate-model.json").write_text("{"),
            "no verdict",
        ),
        (lambda folder: (folder / "MODEL_CARD.md").unlink(), "cannot be read"),
        (lambda folder: edit_record(folder), "not as the gate wrote it"),
    ],
    ids=["no report", "a damaged report", "no card", "an edited record"],
)
def test_card__what_it_needs_is_missing__error_and_nothing_is_written(
    service: Path, capsys: pytest.CaptureFixture[str], spoil: Any, said: str
) -> None:
    write(service, gate_report(result()))
    spoil(service)
    before = (service / "MODEL_CARD.md").exists()
    assert main(["card"]) == 2
    assert said in capsys.readouterr().err
    assert (service / "MODEL_CARD.md").exists() == before
    assert not before or (service / "MODEL_CARD.md").read_text() == CARD


def edit_record(folder: Path) -> None:
    path = folder / "reports/tidegate/gate-model.json"
    report = json.loads(path.read_text())
    report["record"]["verdict"] = "pass" if report["record"]["verdict"] != "pass" else "fail"
    path.write_text(json.dumps(report))
