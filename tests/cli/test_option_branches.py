"""Every branch that an option opens, from the command line: that its value arrives where it is meant to."""

from collections import Counter
from collections.abc import Iterator

import click
import typer

from lentigo.cli.app import app


def list_commands(command: click.Command) -> Iterator[click.Command]:
    """A command, or those of a group."""
    if isinstance(command, typer.core.TyperGroup):
        for below in command.commands.values():
            yield from list_commands(below)
    else:
        yield command


def test_a_flag_of_a_command_has_one_meaning():
    for command in list_commands(typer.main.get_command(app)):
        flags = Counter(flag for option in command.params for flag in (*option.opts, *option.secondary_opts))
        assert max(flags.values()) == 1, command.name


# Calls and the option that has no meaning in them
CONTRADICTIONS = [
    ("train DATA --out NEW --masks --folds 3", "--masks"),
    ("train DATA --out NEW --masks --bf16", "--bf16"),
    ("train DATA --out NEW --masks --devices all", "--devices"),
    ("train DATA --out NEW --masks --holdout-source clinic", "--holdout-source"),
    ("train DATA --out NEW --masks --callback tensorboard", "--callback"),
    ("train DATA --out NEW --folds 3 --not-lesions DATA", "--not-lesions"),
    ("train DATA --out NEW --folds 3 --callback tensorboard", "--callback"),
    ("evaluate RUN DATA --masks --stress", "--stress"),
    ("evaluate RUN DATA --masks --against bundled", "--against"),
    ("evaluate RUN DATA --masks --operating-point youden", "--operating-point"),
    ("evaluate RUN DATA --masks --alpha 0.1", "--alpha"),
]


def test_options_that_do_not_go_together_are_code_2(lentigo, toy_run, synthetic_lesions, tmp_path):
    places = {"DATA": synthetic_lesions / "manifest.csv", "NEW": tmp_path / "new", "RUN": toy_run()}
    for call, option in CONTRADICTIONS:
        result = lentigo(*(places.get(word, word) for word in call.split()))
        assert result.returncode == 2, (call, result.stderr)
        assert f"does not go with {option};" in result.stderr, (call, result.stderr)
    assert not (tmp_path / "new").exists()


def test_finetune_beside_masks_is_told_of_the_decoder(lentigo, run, synthetic_lesions):
    result = lentigo("train", synthetic_lesions, "--masks", "--finetune", "--out", run)
    assert result.returncode == 2 and "--finetune would change the classifier of" in result.stderr
