"""The errors a user can cause, and can cure.

    LentigoError
     ├── UsageError          the call is wrong: an option, a name, a combination   (exit code 2)
     └── UnusableError       what the call needs cannot be used at all             (exit code 4)
          ├── DataError      photographs, folders, manifests, splits
          │    └── ImageError    one photograph; listed beside the successes, never fatal by itself
          ├── ModelError     RUN folders and weights
          ├── SpaceError     the disk is full or not writable
          ├── ArchiveError   a public archive does not answer, or not as it should
          ├── StoreError     the service's database does not answer, or cannot be written
          ├── HospitalError  a hospital's server that does not answer, or refuses
          ├── ClusterError   machines that do not answer, or have other versions
          └── MissingError   a package that the plain install leaves out

Each message names the thing, what was expected and the cure, in one line.
"""

from __future__ import annotations

EXTRAS = {  # modules that the plain install leaves out, by the extra of pyproject.toml that brings them
    "evaluate": (
        "jinja2",
        "markupsafe",
        "matplotlib",
        "pandas",
        "scipy",
        "sklearn",
        "threadpoolctl",
        "usearch",
    ),
    "train": ("keras", "onnx", "tensorflow"),
    "export": ("ai_edge_litert", "nncf"),
    "parquet": ("pyarrow",),
    "archive": ("httpx", "tenacity"),
    "serve": (
        "alembic",
        "fastapi",
        "h11",
        "prometheus_client",
        "python_multipart",
        "sqlalchemy",
        "starlette",
        "uvicorn",
    ),
    "heic": ("pi_heif",),
    "dicom": (
        "dicomweb_client",
        "fhir",
        "highdicom",
        "imagecodecs",
        "jpeg_ls",
        "openjpeg",
        "pydicom",
        "pynetdicom",
        "requests",
        "rle",
    ),
    "postgres": ("psycopg",),
    "tune": ("optuna",),
    "cluster": ("aiohttp", "fsspec", "ray"),
}
NEEDS = {
    "train": "train",
    "fit": "train",
    "export": "train,export",
}  # extras of verbs that need more than the first module they miss


class LentigoError(Exception):
    """Whatever Lentigo raises on purpose."""

    exit_code = 4


class UsageError(LentigoError):
    """The call is wrong: an unknown option value or a combination that makes no sense."""

    exit_code = 2


class UnusableError(LentigoError):
    """What the call needs cannot be used at all."""


class DataError(UnusableError):
    """A folder, a manifest or a split that cannot be used."""


class ImageError(DataError):
    """One photograph that cannot be read."""


class ModelError(UnusableError):
    """A RUN folder or a weight file that cannot be used."""


class SpaceError(UnusableError):
    """A file could not be written."""


class ArchiveError(UnusableError):
    """A public archive that does not answer, or answers something else than it should."""


class StoreError(UnusableError):
    """The database of the service does not answer, cannot be written, or belongs to a newer Lentigo."""


class HospitalError(UnusableError):
    """A server of a hospital that does not answer, refuses, or answers something else than it should."""


class ClusterError(UnusableError):
    """A cluster that does not answer, has no node left, or has a node with other versions."""


class MissingError(UnusableError):
    """A package that an extra brings, and that is not installed."""


def explain_missing(error: ModuleNotFoundError, verb: str) -> MissingError | None:
    """What to install for a verb that missed a module; None where no extra brings that module: then it is a
    bug.

    Args:
        error: Of the import.
        verb: What was called, such as evaluate.

    >>> print(explain_missing(ModuleNotFoundError(name="sklearn.metrics"), "evaluate"))  # doctest: +ELLIPSIS
    evaluate needs sklearn, which the plain install leaves out; pip install 'lentigo[evaluate]...
    """
    module = (error.name or "").partition(".")[0]
    for extra, modules in EXTRAS.items():
        if module in modules:
            return MissingError(
                f"{verb} needs {module}, which the plain install leaves out; "
                f"{tell_install(NEEDS.get(verb, extra))}"
            )
    return None


def tell_install(extras: str) -> str:
    """The command that brings extras to this installation, wherever it came from: a folder of the source, an
    archive, or a package index.

    Args:
        extras: Their names, with commas between.

    Returns:
        The command, such as `pip install 'lentigo[serve] @ file:///home/me/lentigo'`.
    """
    import json
    from contextlib import suppress
    from importlib.metadata import PackageNotFoundError, distribution

    origin = ""
    with suppress(
        PackageNotFoundError, ValueError, OSError
    ):  # not installed, or by something that leaves no such note
        origin = json.loads(distribution("lentigo").read_text("direct_url.json") or "{}").get("url", "")
    return f"pip install 'lentigo[{extras}]{f' @ {origin}' if origin else ''}'"


def first_line(error: BaseException) -> str:
    """Gives the first line of an error that says something, or the name of its class.

    Args:
        error: Such as a library raises, whose text may hold several lines, even a traceback.

    Returns:
        One line.
    """
    for line in str(error).splitlines():
        if line.strip():
            return line.strip()
    return type(error).__name__
