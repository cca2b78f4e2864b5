"""The commands stand in a table, so that one is imported without the others."""

from importlib import import_module

from typer.main import get_group

from lentigo.cli.app import PLACES, CommandTable


def test_every_command_of_a_module_is_in_the_table():
    for place in set(PLACES.values()):
        module, _, app = place.partition(":")
        found = set(get_group(getattr(import_module(f"lentigo.cli.{module}"), app)).commands)
        listed = {name for name, other in PLACES.items() if other == place}
        # Of a group of its own the table has the group
        assert found == listed or not found & listed


def test_a_command_is_imported_when_it_is_read():
    table = CommandTable()
    assert list(table) == list(PLACES)
    assert set(table.data.values()) == {None}
    assert table["predict"].name == "predict"
    assert [name for name, command in table.data.items() if command] == ["predict"]


def test_a_command_that_is_none_is_missing(lentigo):
    done = lentigo("predct", "photo.jpg")
    assert done.returncode == 2
    assert "Did you mean 'predict'?" in done.stderr
