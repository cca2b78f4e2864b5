"""Runs the notebooks of docs/ from their first cell to their last, in an empty folder. With --write their outputs are
kept in the files. Example:

    python bench/notebooks.py --write
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from tables import make_parser

DOCS = Path(__file__).parent.parent / "docs"
CELL_SECONDS = 1200  # in which a cell must be done


def main() -> None:
    """A line for each notebook."""
    parser = make_parser(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of notebooks, without ending; all without")
    parser.add_argument("--write", action="store_true", help="keep the outputs in the notebooks")
    options = parser.parse_args()
    for path in list_notebooks():
        if options.names and path.stem not in options.names:
            continue
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            notebook = run_notebook(path, Path(folder))
        print(f"{path.name}: {len(notebook.cells)} cells, {time.perf_counter() - started:.0f} s")
        if options.write:
            nbformat.write(notebook, path)


def list_notebooks() -> list[Path]:
    """The notebooks of docs/."""
    return sorted(DOCS.glob("*.ipynb"))


def run_notebook(path: Path, folder: Path) -> nbformat.NotebookNode:
    """Runs a notebook.

    Args:
        path: Of the notebook, which is not changed.
        folder: In which it runs.

    Returns:
        The notebook with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    )
    client.execute()
    return notebook


if __name__ == "__main__":
    main()
