"""The commands below `lentigo data`: look at photographs, fetch, import, split and draw them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from lentigo.cli.hospital.to_dicom import to_dicom_app
from lentigo.cli.options import Json, load_data, table_options
from lentigo.cli.output.bars import Bars
from lentigo.cli.output.datasets import print_description, print_import, print_partition
from lentigo.cli.output.terminal import (
    print_json,
    print_line,
    print_message,
    report_problems,
)
from lentigo.common.files import require_writable
from lentigo.common.results.summaries import format_count
from lentigo.errors import UsageError

if TYPE_CHECKING:
    from lentigo.datasets.tables.options import TableOptions

data_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look at photographs, fetch public ones, import public data sets, split them, draw synthetic ones.",
)
data_app.add_typer(to_dicom_app)


@data_app.command("info", epilog="Example: lentigo data info photos/ --out figures/")
@table_options
def data_info(
    data: Annotated[Path, Argument(help="Labelled photographs.")],
    out: Annotated[Path | None, Option("--out", help="Folder for two pictures: samples and counts.")] = None,
    as_json: Json = False,
    columns: TableOptions | None = None,
) -> None:
    """Counts by split and class, sizes, groups."""
    from lentigo.datasets.description import describe_dataset, draw_counts, draw_samples
    from lentigo.datasets.manifests import load_dataset

    dataset = load_dataset(data) if columns is None else load_dataset(data, columns)
    with Bars() as bars:
        description = describe_dataset(dataset, progress=bars)
    if as_json:
        print_json(description.to_json())
    else:
        print_description(description)
    if out is not None:
        samples = draw_samples(dataset, out / "samples.png")
        counts = draw_counts(description, out / "counts.png")
        print_message(samples, counts)
    report_problems(description.problems)


@data_app.command(
    "split", epilog="Example: lentigo data split photos/ --out split.csv --test 0.2 --validation 0.2"
)
@table_options
def data_split(
    data: Annotated[Path, Argument(help="Labelled photographs; a split that they have is not kept.")],
    out: Annotated[Path, Option("--out", help="The manifest to be written, .csv or .parquet.")],
    test: Annotated[float, Option("--test", help="Share of the photographs for the test; 0: none.")] = 0.2,
    validation: Annotated[
        float, Option("--validation", help="Share for validation; 0: none, training draws its own.")
    ] = 0.2,
    seed: Annotated[int, Option("--seed", help="Decides which groups go where.")] = 0,
    duplicates: Annotated[
        bool,
        Option(
            "--duplicates/--no-duplicates",
            help="Looks for photographs that show the same picture; --no-duplicates goes by ids and "
            "identical files alone.",
        ),
    ] = True,
    keep: Annotated[
        Path | None,
        Option(
            "--keep", help="An earlier manifest: its photographs, patients and lesions stay where they are."
        ),
    ] = None,
    drop_conflicts: Annotated[
        bool, Option("--drop-conflicts", help="Leaves out lesions and pictures that have both labels.")
    ] = False,
    as_json: Json = False,
    columns: TableOptions | None = None,
) -> None:
    """Splits photographs in three, patients, lesions and duplicates on one side, and writes a manifest."""
    from lentigo.splits.frozen_splits import require_new, write_manifest
    from lentigo.splits.partition import Shares, split_dataset

    # Before the work: a large set takes minutes
    require_new(out, keep)
    require_writable(out)
    with Bars() as bars:
        partition = split_dataset(
            load_data(data, columns),
            Shares(validation, test),
            seed=seed,
            duplicates=duplicates,
            keep=keep,
            drop_conflicts=drop_conflicts,
            progress=bars,
        )
    write_manifest(partition.dataset, out)
    facts = {"out": str(out), **partition.to_json()}
    if as_json:
        print_json(facts)
    else:
        print_partition(facts)
    report_problems(partition.problems)


@data_app.command("synth", epilog="Example: lentigo data synth --out synthetic/ --count 100")
def data_synth(
    out: Annotated[Path, Option("--out", help="The folder to be written.")],
    count: Annotated[int, Option("--count", help="Synthetic lesions of each class.")] = 100,
    seed: Annotated[int, Option("--seed", help="Decides what is drawn.")] = 0,
    size: Annotated[int, Option("--size", help="Pixels along the side of a photograph.")] = 224,
    as_json: Json = False,
) -> None:
    """Draws synthetic lesions with masks, for a try without photographs."""
    from lentigo.images.synthetic_lesions import write_synthetic_lesions

    with Bars() as bars:
        table = write_synthetic_lesions(out, count, seed=seed, size=size, progress=bars)
    if as_json:
        print_json({"out": str(out), "n": len(table), "manifest": str(out / "manifest.csv")})
    else:
        print_line(f"{out}: {format_count(len(table), 'synthetic lesion')}, {out / 'manifest.csv'}")


@data_app.command(
    "import", epilog="Example: lentigo data import HAM10000/ PAD-UFES-20.zip --out data/manifest.csv"
)
@table_options
def data_import(
    sources: Annotated[list[Path], Argument(help="Folders, tables or ZIP files of public data sets.")],
    out: Annotated[
        Path,
        Option(
            "--out", help="The manifest to be written (.csv); what was decided goes beside it (.policy.json)."
        ),
    ],
    policy: Annotated[
        str, Option("--policy", help="Which diagnoses count as malignant: archive, ham10000 or pad-ufes-20.")
    ] = "archive",
    kind: Annotated[
        str | None,
        Option(
            "--kind", help="Of what kind the sources are, where that is not found; an unknown one lists all."
        ),
    ] = None,
    extract: Annotated[
        Path | None, Option("--extract", help="Folder to unpack ZIP files in, instead of the manifest's own.")
    ] = None,
    splits: Annotated[
        bool, Option("--splits/--no-splits", help="Keep the published train, validation and test.")
    ] = True,
    as_json: Json = False,
    columns: TableOptions | None = None,
) -> None:
    """Turns public data sets into one manifest, by a recorded policy of what is malignant."""
    from lentigo.datasets.published.imports import import_datasets

    require_writable(out)
    with Bars() as bars:
        imported = import_datasets(
            sources,
            out,
            policy=policy,
            kind=kind,
            extract=extract,
            splits=splits,
            columns=columns,
            progress=bars,
        )
    if as_json:
        print_json(imported.to_json())
    else:
        print_import(imported)
    report_problems(imported.problems)


@data_app.command(
    "get",
    epilog="Example: lentigo data get isic --query 'diagnosis_1:Malignant AND image_type:dermoscopic' "
    "--license CC-0 --limit 500 --out isic/",
)
def data_get(
    archive: Annotated[
        str, Argument(help="isic, the archive of the International Skin Imaging Collaboration.")
    ],
    out: Annotated[Path, Option("--out", help="The folder to be filled or completed.")],
    query: Annotated[
        str,
        Option(
            "--query", help="In the archive's own language, such as 'sex:male AND age_approx:[20 TO 40]'."
        ),
    ] = "",
    collection: Annotated[
        list[str] | None, Option("--collection", help="The number of a collection; may be repeated.")
    ] = None,
    license: Annotated[
        list[str] | None,
        Option("--license", help="CC-0, CC-BY or CC-BY-NC; may be repeated. All unless said."),
    ] = None,
    limit: Annotated[int | None, Option("--limit", help="Photographs at most.")] = None,
    threads: Annotated[int, Option("--threads", help="Files fetched at once.")] = 10,
    url: Annotated[str | None, Option("--url", help="Another address of the archive's interface.")] = None,
    update: Annotated[
        bool,
        Option("--update", help="Asks again what the archive has, for a folder that is being completed."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Downloads public photographs with metadata and licences; the same command again completes the
    folder.
    """
    from lentigo.datasets.archive.archive_client import ARCHIVE_URL
    from lentigo.datasets.archive.archive_folder import format_bytes
    from lentigo.datasets.archive.downloads import download_archive
    from lentigo.datasets.archive.selection import make_selection

    if archive != "isic":
        raise UsageError(f"archive {archive!r} is unknown; expected isic")
    selection = make_selection(query, collection or [], license or [], limit)
    with Bars() as bars:
        download = download_archive(
            out, selection, url=url or ARCHIVE_URL, threads=threads, update=update, progress=bars
        )
    if as_json:
        print_json(download.to_json())
    else:
        licences = ", ".join(f"{count} {name}" for name, count in download.licenses.items())
        photographs = format_count(download.n, "photograph")
        size = format_bytes(download.size)
        print_line(f"{out}: {photographs}, {size}, {download.fetched} of them fetched now; {licences}")
        print_message("whoever passes them on names whom attribution.txt names, on the terms in licenses/")
    report_problems(download.problems)
