"""The notebooks of docs/ run from their first cell to their last."""

import warnings

import pytest

nbclient = pytest.importorskip("nbclient")

from notebooks import list_notebooks, run_notebook  # noqa: E402


@pytest.mark.check
@pytest.mark.parametrize("path", list_notebooks(), ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Jupyter's own packages
        notebook = run_notebook(path, tmp_path)
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("text/html" in output.get("data", {}) for output in shown)


@pytest.mark.parametrize("path", list_notebooks(), ids=lambda path: path.stem)
def test_a_notebook_is_stored_with_its_outputs(path):
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code) and path.stat().st_size < 2_000_000
