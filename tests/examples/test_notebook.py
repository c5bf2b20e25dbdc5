"""The notebook is a valid one, is that of its script, and runs as plain Python with the results it shows."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from scripts.notebook import CELLS, TARGET, notebook, run_cells

NUMBER = re.compile(r"\d[\d,]*(?:[.]\d+)?")
Made = dict[str, tuple[str, Any]]


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(TARGET.read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made, dict[str, Any]]:
    """The folder the cells ran in, what they gave, and the notebook made of it."""
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("sim.plots.style.RESOLUTION", 40)
        made = run_cells()
        return folder, made, notebook(made)


def test_the_file_is_a_notebook_of_format_4_5(stored: dict[str, Any]) -> None:
    assert set(stored) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert (stored["nbformat"], stored["nbformat_minor"]) == (4, 5)
    assert {"name", "display_name"} <= set(stored["metadata"]["kernelspec"])
    ids = [cell["id"] for cell in stored["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in stored["cells"]:
        assert re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", cell["id"])
        assert isinstance(cell["metadata"], dict)
        assert all(isinstance(line, str) for line in cell["source"])
        assert all(line.endswith("\n") for line in cell["source"][:-1])
        if cell["cell_type"] == "markdown":
            assert set(cell) == {"id", "cell_type", "metadata", "source"}
            continue
        assert set(cell) == {"id", "cell_type", "metadata", "source", "execution_count", "outputs"}
        assert cell["cell_type"] == "code"
        for output in cell["outputs"]:
            if output["output_type"] == "stream":
                assert set(output) == {"output_type", "name", "text"}
                assert output["name"] == "stdout"
                continue
            assert set(output) == {"output_type", "execution_count", "data", "metadata"}
            assert output["output_type"] == "execute_result"
            assert output["execution_count"] == cell["execution_count"]
            assert "text/plain" in output["data"]


def test_the_file_is_that_of_the_script(stored: dict[str, Any]) -> None:
    """After a change: ``python -m scripts.notebook``."""
    found = [(cell["id"], cell["cell_type"], "".join(cell["source"])) for cell in stored["cells"]]
    assert found == [(cell.id, cell.kind, cell.source) for cell in CELLS]


def test_links_of_the_text_lead_somewhere() -> None:
    links = [link for cell in CELLS for link in re.findall(r"\]\(([^)#]+)\)", cell.source)]
    assert len(links) == 2
    assert all((TARGET.parent / link).is_file() for link in links)


def test_the_cells_run_as_plain_python(ran: tuple[Path, Made, dict[str, Any]]) -> None:
    folder, made, _ = ran
    band = made["run"][1]
    assert band.loc["2025-03-01", 0.5] == pytest.approx(1.0, abs=0.02)
    assert band.loc["2025-06-01", 0.5] > 1.3
    assert (band[0.1] <= band[0.5]).all()
    lacked = made["short"][1]
    assert lacked.is_monotonic_decreasing
    assert 0 < lacked.iloc[0] <= 100
    # Where a price of chance is too high some lack in China, too, but far less than who is cut off.
    assert lacked.get("CHN", 0.0) < 0.6 * lacked.iloc[0]
    assert "35 paired members" in made["compare"][0]
    picture = made["picture"][1]
    # The cells are over, so is their folder as the current one.
    assert (folder / picture.png).read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in (folder / "outputs").glob("price.*")} == {
        "price.csv", "price.png", "price.svg"
    }  # fmt: skip


def _texts(content: dict[str, Any]) -> list[str]:
    outputs = [output for cell in content["cells"] for output in cell.get("outputs", [])]
    return ["".join(o["text"] if "text" in o else o["data"]["text/plain"]) for o in outputs]


def test_the_outputs_kept_are_those_of_this_program(
    stored: dict[str, Any], ran: tuple[Path, Made, dict[str, Any]]
) -> None:
    """Words alike and numbers to a twentieth; after a change of the model: ``python -m scripts.notebook``."""
    kept, now = _texts(stored), _texts(ran[2])
    assert len(kept) == len(now) == 5
    for before, after in zip(kept, now, strict=True):
        assert NUMBER.sub("n", before).split() == NUMBER.sub("n", after).split()
        for one, other in zip(NUMBER.findall(before), NUMBER.findall(after), strict=True):
            assert float(one.replace(",", "")) == pytest.approx(float(other.replace(",", "")), rel=0.05)
    assert TARGET.stat().st_size < 300_000
    assert "/tmp" not in TARGET.read_text(encoding="utf-8")


def test_the_picture_kept_is_a_png(stored: dict[str, Any]) -> None:
    (output,) = next(cell["outputs"] for cell in stored["cells"] if cell["id"] == "picture")
    assert base64.b64decode(output["data"]["image/png"]).startswith(b"\x89PNG")
