"""docs/python.ipynb, executed by a kernel of Jupyter as a reader would, and stored without outputs."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[1] / "docs" / "python.ipynb"


def read(path):
    """Return the cells of code of a notebook that is valid."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_is_valid_and_holds_no_outputs():
    cells = read(FILE)
    assert [(cell.outputs, cell.execution_count) for cell in cells] == [([], None)] * 6


@pytest.mark.slow
def test_it_runs_from_top_to_bottom(tmp_path, simulated, monkeypatch):
    monkeypatch.setenv("WIRECHAMBER_DATA", str(simulated))
    monkeypatch.setenv("PYTHONPATH", str(FILE.parents[1]))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # as Jupyter draws
    copy = shutil.copy(FILE, tmp_path)
    execute = [sys.executable, "-c", "from nbclient.cli import main; main()", "--inplace", str(copy)]
    done = subprocess.run(execute, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    _, events, trained, drawn, measured, predicted = (cell.outputs for cell in read(copy))
    assert "(128, 6) (128, 4)" in events[-1].text
    assert trained[-1].data["text/plain"] == "'from_notebook'"
    printed = "".join(output.get("text", "") for output in trained)
    assert re.findall(r"^(\d+) [\d.]+ mm$", printed, re.M) == [str(epoch) for epoch in range(1, 11)]
    assert any("image/png" in output.get("data", {}) for output in drawn)
    text = "".join(output.text for output in measured)
    line, network = map(float, re.search(r"straight_line: median error (\S+) mm, of the network (\S+)", text).groups())
    assert network < line / 10
    states = ast.literal_eval(predicted[-1].data["text/plain"])
    assert states["x"][0] > states["x"][1]
    assert (tmp_path / "runs" / "from_notebook" / "model.keras").exists()
    errors = [o.text for cell in read(copy) for o in cell.outputs if o.get("name") == "stderr"]
    assert errors == []
