"""The commands below `lentigo data`: look at photographs, split them, draw synthetic ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from lentigo.options import Json
from lentigo.summary import print_partition
from lentigo.terminal import Bars, emit, report_problems, say

data_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at photographs, split them, draw synthetic ones.")


@data_app.command("info", epilog="Example: lentigo data info photos/ --out figures/")
def data_info(
    data: Annotated[Path, Argument(help="Labelled photographs.")],
    out: Annotated[Path | None, Option("--out", help="Folder for two pictures: samples and counts.")] = None,
    as_json: Json = False,
) -> None:
    """Counts by split and class, sizes, groups."""
    from lentigo.data.description import describe_dataset, draw_counts, draw_samples
    from lentigo.data.manifests import load_dataset

    dataset = load_dataset(data)
    with Bars() as bars:
        description = describe_dataset(dataset, progress=bars)
    if as_json:
        emit(description.to_json())
    else:
        print(f"{description.name}: {description.n} photographs in {description.groups} groups (patient, lesion or file)")
        print(description.counts.to_string())
        print("sizes:", ", ".join(f"{size} ({count})" for size, count in list(description.sizes.items())[:5]))
    if out is not None:
        say(draw_samples(dataset, out / "samples.png"), draw_counts(description, out / "counts.png"))
    report_problems(description.problems)


@data_app.command("split", epilog="Example: lentigo data split photos/ --out split.csv --test 0.2 --validation 0.2")
def data_split(
    data: Annotated[Path, Argument(help="Labelled photographs; a split that they have is not kept.")],
    out: Annotated[Path, Option("--out", help="The manifest to be written, .csv or .parquet.")],
    test: Annotated[float, Option("--test", help="Share of the photographs for the test; 0: none.")] = 0.2,
    validation: Annotated[float, Option("--validation", help="Share for validation; 0: none, training draws its own.")] = 0.2,
    seed: Annotated[int, Option("--seed", help="Decides which groups go where.")] = 0,
    twins: Annotated[bool, Option("--twins/--no-twins", help="Looks for photographs that show the same picture; --no-twins goes by ids and identical files alone.")] = True,
    keep: Annotated[Path | None, Option("--keep", help="An earlier manifest: its photographs, patients and lesions stay where they are.")] = None,
    drop_conflicts: Annotated[bool, Option("--drop-conflicts", help="Leaves out lesions and pictures that have both labels.")] = False,
    as_json: Json = False,
) -> None:
    """Splits photographs in three, patients, lesions and twins on one side, and writes a manifest."""
    from lentigo.data.frozen_splits import require_new, write_manifest
    from lentigo.data.partition import Shares, split_dataset

    require_new(out, keep)
    with Bars() as bars:
        partition = split_dataset(data, Shares(validation, test), seed=seed, twins=twins, keep=keep, drop_conflicts=drop_conflicts, progress=bars)
    write_manifest(partition.dataset, out)
    facts = {"out": str(out), **partition.to_json()}
    if as_json:
        emit(facts)
    else:
        print_partition(facts)
    report_problems(partition.problems)


@data_app.command("synth", epilog="Example: lentigo data synth --out phantoms/ --count 100")
def data_synth(
    out: Annotated[Path, Option("--out", help="The folder to be written.")],
    count: Annotated[int, Option("--count", help="Phantoms of each class.")] = 100,
    seed: Annotated[int, Option("--seed", help="Decides what is drawn.")] = 0,
    as_json: Json = False,
) -> None:
    """Draws synthetic lesions with masks, for a try without photographs."""
    from lentigo.data.phantoms import write_phantoms

    with Bars() as bars:
        table = write_phantoms(out, count, seed=seed, progress=bars)
    if as_json:
        emit({"out": str(out), "n": len(table), "manifest": str(out / "manifest.csv")})
    else:
        print(f"{out}: {len(table)} phantoms, {out / 'manifest.csv'}")
