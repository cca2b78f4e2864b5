"""Progress in a notebook, on a terminal, and where there is neither."""

import sys
from types import SimpleNamespace

import pytest

from lentigo.common.progress import show_progress


class Handle:
    def __init__(self):
        self.shown = []

    def update(self, html):
        self.shown.append(html)


@pytest.fixture
def notebook(monkeypatch):
    """IPython as it is inside a kernel, without widgets."""
    handle = Handle()
    display = SimpleNamespace(HTML=str, display=lambda html, display_id: handle)
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return handle


def test_a_notebook_without_widgets_shows_a_bar(notebook):
    assert list(show_progress(range(3), total=3, label="photographs")) == [0, 1, 2]
    assert '<progress value="0.0000">' in notebook.shown[0]
    assert '<progress value="1.0000">' in notebook.shown[-1] and "photographs: 3 of 3" in notebook.shown[-1]


def test_a_bar_that_is_stopped_stays_where_it_was(notebook):
    with pytest.raises(ValueError):
        for item in show_progress(range(4), total=4, label="x"):
            if item == 2:
                raise ValueError
    assert "x: 2 of 4" in notebook.shown[-1]


def test_a_terminal_shows_a_line_that_goes(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(show_progress(range(2), label="files")) == [0, 1]
    shown = capsys.readouterr().err
    assert "files: 0" in shown and shown.endswith("\r\033[K")


def test_elsewhere_nothing_is_shown(capsys):
    assert list(show_progress(range(2), total=2)) == [0, 1]
    assert capsys.readouterr() == ("", "")
