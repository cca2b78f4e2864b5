"""Damaged photographs: files of every format that Lentigo reads, drawn here and changed at random, given to
the commands and to the service.

    python bench/mutated.py --count 10000
    python bench/mutated.py --count 2000 --damage structure

Bytes are changed at random, or chunks, tags, boxes and elements (`structures.py`).
Each file must be named once by each of predict, data info, audit, segment and the upload, with an answer or
an error of one line. A traceback, a file that is not named, a step that takes too long or memory above the
bound end the program with exit code 1. The same seed makes the same files.
"""

from __future__ import annotations

import argparse
import base64
import faulthandler
import io
import json
import os
import struct
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin
from structures import damage_structure, draw_dicom_seeds
from tables import describe_machine, make_parser, print_table

# Of memory at the peak: the budget of decoded bytes (1 GiB), the model, the libraries, and files and masks on
# their way
BOUND_GB = 3.0
BATCH = 1000  # files of a folder
UPLOADS = 20  # files of a request
STEP_SECONDS = 1800  # for one command over a folder, on a busy machine; a hang takes longer
STEPS = ("predict", "data info", "audit", "segment", "upload")
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
ORIENTATION = 0x0112  # of EXIF
DESCRIPTION = 0x010E
SUBFILE = 254  # of TIFF
NUMBER_FORMS = ("<I", ">I", "<H", ">H", "B")
# 64 x 48 pixels, drawn by us and encoded with libheif, since the extra `heic` only reads; turned by its
# header
HEIC = (
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAA"
    "AAAERAAAIAAQAAAAAB7AABAAAAAAAAAVgAAgAAAAADRAABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVp"
    "bmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABB2lwcnAAAADmaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGE"
    "ABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkA"
    "AAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEH"
    "BpeGkAAAAAAwgICAAAAAlpcm90AwAAABlpcG1hAAAAAAAAAAEAAQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAYRtZGF0AAAB"
    "VCgBrwng428eCAbf+Hw5G59/2xLTRhy/qXlDuu3PjTdc1lX1hRHjTLangxJKST5WAebjWcaAGy3ZPcXj3qielK9MKwopB3O+S0s9UEGOvm43Ce"
    "V7Ftnwjrw2IB4CDIjBV5FVzM0SDhrF9ldHyJggGIEDKWPrLioVIoIixy4JlLp7Bj2/inIuJYgM415VXfs3VazTuVBIk4XlXw1KgDNTQ6IJyYuL"
    "PnpRouR71ryOaim8LD5wIww+wCGi/o1LKpi3oF5Ei5seV85bJXcfIaWVkJQiSbVEdQV44PS/H3WBMa2zSYtuNMmWzXsO/3XM0qVjw64mYa7izm"
    "jl6A92ZEs/Cp0hp8Y16qlkGu4Jckzrz6g+EmVN6ZedGPTFwHuu6tzTIWiXPbnIXSiko3lKl9YswWp/WNrxsIur3wBnX6QP/SXLMQojaMYz3tuU"
    "w9FZA8QAMHR2joAAAAAGRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA="
)


@dataclass
class Tally:
    """What came of the files so far: answers and errors by step, seconds by step, the slowest file, and the
    memory.
    """

    files: int = 0
    watch: Watch = field(default_factory=lambda: Watch())
    answered: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STEPS, 0))
    refused: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STEPS, 0))
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STEPS, 0.0))
    slowest: tuple[float, str] = (0.0, "")
    faults: list[str] = field(default_factory=list)


def main() -> None:
    """Makes the files folder by folder, and prints a table."""
    options = parse_options()
    warnings.filterwarnings("ignore", module="PIL")
    seeds = draw_seeds()
    if options.damage == "structure":
        seeds |= draw_dicom_seeds(draw_lesion())
    tally = Tally()
    with tempfile.TemporaryDirectory() as place:
        os.environ["LENTIGO_CACHE"] = f"{place}/cache"
        os.environ["LENTIGO_LEDGER"] = f"{place}/ledger.jsonl"
        with Upload(options.model, f"sqlite:///{place}/records.db") as upload:
            for start in range(options.first, options.first + options.count, BATCH):
                count = min(BATCH, options.first + options.count - start)
                folder = Path(place) / "photos"
                paths = write_batch(
                    folder, seeds, range(start, start + count), options.seed, DAMAGES[options.damage]
                )
                try_batch(folder, paths, options.model, upload, tally)
                print(
                    f"{tally.files} files, peak {tally.watch.measure_peak():.2f} GB, faults "
                    f"{len(tally.faults)}; {tally.faults[-1:]}",
                    file=sys.stderr,
                    flush=True,
                )
                if options.seconds and sum(tally.seconds.values()) > options.seconds:
                    break
    report(tally, len(seeds))
    sys.exit(1 if tally.faults else 0)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first file, to go on where another call ended"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--damage", choices=sorted(DAMAGES), default="bytes", help="what is changed of a file"
    )
    parser.add_argument("--model", default="bundled")
    parser.add_argument(
        "--seconds", type=float, default=0, help="ends after the folder in which this is exceeded; 0: never"
    )
    return parser.parse_args()


def report(tally: Tally, seeds: int) -> None:
    """Prints the tables, and each fault."""
    print(describe_machine())
    print(
        f"\n{tally.files} files from {seeds} seeds; peak memory {tally.watch.measure_peak():.2f} GB (bound "
        f"{BOUND_GB:g}); slowest to read: "
        f"{tally.slowest[1]}, {tally.slowest[0]:.1f} s; faults: {len(tally.faults)}"
    )
    rows = []
    for step in STEPS:
        answered = tally.answered[step]
        refused = tally.refused[step]
        rows.append([step, answered, refused, answered + refused, tally.seconds[step]])
    print_table(["step", "answered", "refused in one line", "named", "seconds"], rows)
    for fault in tally.faults:
        print(f"FAULT {fault}")


# --- seeds


def draw_seeds() -> dict[str, bytes]:
    """Sound files by name: one lesion, drawn by program, in all formats, modes and habits of cameras and
    programs.
    """
    from lentigo.images.decoding.formats import AVIF

    image = draw_lesion()
    turned = Image.Exif()
    turned[ORIENTATION] = 6
    turned[DESCRIPTION] = "a lesion"
    mask = image.convert("L").point(lambda level: 255 if level > 90 else 0)
    clear = image.convert("RGBA")
    clear.putalpha(mask)
    grey16 = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    palette = image.quantize(32)
    seeds = {
        "jpeg": encode(image, "JPEG"),
        "jpeg-progressive": encode(image, "JPEG", progressive=True),
        "jpeg-444": encode(image, "JPEG", subsampling=0),
        "jpeg-exif": encode(image, "JPEG", exif=turned),
        "jpeg-grey": encode(image.convert("L"), "JPEG"),
        "jpeg-cmyk": encode(image.convert("CMYK"), "JPEG"),
        "jpeg-profile": encode(image, "JPEG", icc_profile=make_profile()),
        "jpeg-restarts": encode(image, "JPEG", restart_marker_blocks=4),
        "mpo": encode(image, "MPO", save_all=True, append_images=[image.resize((48, 48))]),
        "png": encode(image, "PNG"),
        "png-rgba": encode(clear, "PNG"),
        "png-grey-alpha": encode(clear.convert("LA"), "PNG"),
        "png-palette": encode(palette, "PNG"),
        "png-palette-clear": encode(palette, "PNG", transparency=3),
        "png-bits": encode(mask.convert("1"), "PNG"),
        "png-16": encode(grey16, "PNG"),
        "png-exif": encode(image, "PNG", exif=turned),
        "png-profile": encode(image, "PNG", icc_profile=make_profile()),
        "png-texts": encode(image, "PNG", pnginfo=write_notes()),
        "png-animated": encode(image, "PNG", save_all=True, append_images=[mask.convert("RGB")]),
        "gif": encode(palette, "GIF"),
        "gif-clear": encode(palette, "GIF", transparency=3),
        "gif-animated": encode(palette, "GIF", save_all=True, append_images=[palette.rotate(90)]),
        "webp": encode(image, "WEBP"),
        "webp-lossless": encode(image, "WEBP", lossless=True),
        "webp-rgba": encode(clear, "WEBP"),
        "webp-exif": encode(image, "WEBP", exif=turned),
        "webp-animated": encode(image, "WEBP", save_all=True, append_images=[image.rotate(90)]),
        "tiff": encode(image, "TIFF"),
        "tiff-lzw": encode(image, "TIFF", compression="tiff_lzw"),
        "tiff-deflate": encode(clear, "TIFF", compression="tiff_deflate"),
        "tiff-jpeg": encode(image, "TIFF", compression="jpeg"),
        "tiff-16": encode(grey16, "TIFF"),
        "tiff-cmyk": encode(image.convert("CMYK"), "TIFF"),
        "tiff-turned": encode(image, "TIFF", exif=turned),
        "tiff-fax": encode(mask.convert("1"), "TIFF", compression="group4"),
        "tiff-big": encode(image, "TIFF", big_tiff=True),
        "tiff-preview-first": encode_pages(image.resize((24, 24)), image),
        "bmp": encode(image, "BMP"),
        "bmp-palette": encode(palette, "BMP"),
        "ppm": encode(image, "PPM"),
        "pgm": encode(image.convert("L"), "PPM"),
        "jpeg2000": encode(image, "JPEG2000"),
        "jpeg2000-lossy": encode(image, "JPEG2000", irreversible=True, quality_layers=[20]),
        "jpeg2000-tiles": encode(image, "JPEG2000", tile_size=(32, 32)),
        "jpeg2000-grey": encode(image.convert("L"), "JPEG2000"),
        "heic": base64.b64decode("".join(HEIC)),
    }
    if AVIF:
        seeds |= {
            "avif": encode(image, "AVIF", speed=10),
            "avif-rgba": encode(clear, "AVIF", speed=10),
            "avif-turned": encode(image, "AVIF", speed=10, exif=turned),
        }
    return seeds


def draw_lesion() -> Image.Image:
    """The lesion of all seeds."""
    from lentigo.images.synthetic_lesions import draw_synthetic_lesion

    return Image.fromarray(draw_synthetic_lesion("malignant", 7, size=96).image)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture as a file of a kind."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def encode_pages(preview: Image.Image, image: Image.Image) -> bytes:
    """A TIFF whose first page is a preview, and says so."""
    buffer = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(buffer) as writer:
        preview.save(writer, "TIFF", tiffinfo={SUBFILE: 1})
        writer.newFrame()
        image.save(writer, "TIFF")
        writer.newFrame()
    return buffer.getvalue()


def make_profile() -> bytes:
    """The colour profile of sRGB, as an ICC profile."""
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def write_notes() -> PngImagePlugin.PngInfo:
    """Comments of all three kinds."""
    notes = PngImagePlugin.PngInfo()
    notes.add_text("plain", "a note")
    notes.add_text("packed", "a note " * 500, zip=True)
    notes.add_itxt("international", "Notiz " * 50, "de", "Notiz", zip=True)
    return notes


# --- mutations

Damage = Callable[[dict[str, bytes], int, int], tuple[str, bytes]]


def mutate(seeds: dict[str, bytes], number: int, seed: int) -> tuple[str, bytes]:
    """The mutated file of a number: the name of its seed, and its bytes."""
    rng = np.random.default_rng([seed, number])
    names = list(seeds)
    name = names[number % len(names)]
    content = bytearray(seeds[name])
    for _ in range(int(rng.integers(1, 4))):
        change = CHANGES[int(rng.integers(len(CHANGES)))]
        content = change(content, rng)
    if rng.random() < 0.05:
        other = seeds[names[int(rng.integers(len(names)))]]
        content = content[: int(rng.integers(1, len(content) + 1))] + other[int(rng.integers(len(other))) :]
    if name.startswith("png") and rng.random() < 0.7:
        content = mend_checksums(content)
    return name, bytes(content)


def flip_bytes(content: bytearray, rng: np.random.Generator) -> bytearray:
    """One to eight bytes become others; half of them stand near the beginning."""
    for _ in range(int(rng.integers(1, 9))):
        content[pick_place(content, rng)] = int(rng.integers(256))
    return content


def write_extreme(content: bytearray, rng: np.random.Generator) -> bytearray:
    """A number of the header becomes an extreme one."""
    value = EXTREMES[int(rng.integers(len(EXTREMES)))]
    form = NUMBER_FORMS[int(rng.integers(len(NUMBER_FORMS)))]
    packed = struct.pack(form, value & (256 ** struct.calcsize(form) - 1))
    place = pick_place(content, rng)
    content[place : place + len(packed)] = packed
    return content


def cut_end(content: bytearray, rng: np.random.Generator) -> bytearray:
    """The end is missing."""
    return content[: max(1, int(rng.integers(len(content))))]


def leave_out(content: bytearray, rng: np.random.Generator) -> bytearray:
    """A range is missing."""
    place = pick_place(content, rng)
    del content[place : place + int(rng.integers(1, 65))]
    return content or bytearray(b"\0")


def repeat(content: bytearray, rng: np.random.Generator) -> bytearray:
    """A range stands there twice, or many times."""
    place = pick_place(content, rng)
    size = int(rng.integers(1, 129))
    piece = content[place : place + size] * int(rng.choice([1, 2, 50]))
    content[place:place] = piece
    return content


def blank(content: bytearray, rng: np.random.Generator) -> bytearray:
    """A range is all zero, or all ones."""
    place = pick_place(content, rng)
    size = int(rng.integers(1, 257))
    end = min(len(content), place + size)
    content[place:end] = bytes([int(rng.choice([0, 255]))]) * (end - place)
    return content


def pick_place(content: bytearray, rng: np.random.Generator) -> int:
    """A place in a file, as often near its beginning as anywhere."""
    end = len(content) if rng.random() < 0.5 else min(len(content), 256)
    return int(rng.integers(max(1, end)))


CHANGES: tuple[Callable[[bytearray, np.random.Generator], bytearray], ...] = (
    flip_bytes, flip_bytes, write_extreme, write_extreme, cut_end, leave_out, repeat, blank,
)  # fmt: skip


def mend_checksums(content: bytearray) -> bytearray:
    """A PNG whose checksums are right, so that what is wrong comes to the decoder."""
    place = 8
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        end = place + 8 + length
        if end + 4 > len(content):
            break
        content[end : end + 4] = zlib.crc32(content[place + 4 : end]).to_bytes(4, "big")
        place = end + 4
    return content


def damage_named(seeds: dict[str, bytes], number: int, seed: int) -> tuple[str, bytes]:
    """The file of a number whose structure is damaged: the name of its seed, and its bytes."""
    names = list(seeds)
    name = names[number % len(names)]
    return name, damage_structure(name, seeds[name], np.random.default_rng([seed, number]))


DAMAGES: dict[str, Damage] = {"bytes": mutate, "structure": damage_named}


def write_batch(
    folder: Path, seeds: dict[str, bytes], numbers: range, seed: int, damage: Damage = mutate
) -> list[Path]:
    """Writes damaged files, and one sound photograph of each class, into class folders that are emptied
    first; their paths.
    """
    paths = []
    for label in ("benign", "malignant"):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for old in (folder / label).iterdir():
            old.unlink()
        sound = folder / label / "sound.jpg"
        sound.write_bytes(seeds["jpeg"])
        paths.append(sound)
    for number in numbers:
        name, content = damage(seeds, number, seed)
        path = folder / ("benign", "malignant")[number % 2] / f"{number:06d}_{name}.jpg"
        path.write_bytes(content)
        paths.append(path)
    return paths


# --- steps


class Upload:
    """The service, in this process: requests go through all of it but the network."""

    def __init__(self, model: str, database: str) -> None:
        from starlette.testclient import TestClient

        from lentigo.serving.http.app import make_app
        from lentigo.serving.predictions.inference_pool import InferencePool
        from lentigo.serving.service import Service
        from lentigo.serving.settings import Settings
        from lentigo.serving.store.store import open_store

        settings = Settings(model=model, database=database, rate=1e6, burst=10**6)
        service = Service(settings, InferencePool(model), open_store(database))
        self.client = TestClient(make_app(settings, service), base_url="http://127.0.0.1:8000")

    def __enter__(self) -> Upload:
        self.client.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.client.__exit__(*error)

    def send(self, paths: list[Path]) -> tuple[set[int], set[int]]:
        """Sends files; the positions that were answered, and those that were refused."""
        files = [("photos", ("x", path.read_bytes())) for path in paths]
        answer = self.client.post("/v1/predictions", files=files)
        said = answer.json()
        if "predictions" not in said and "problems" not in said:
            raise RuntimeError(f"status {answer.status_code}: {answer.text[:500]}")
        answered = {record["position"] for record in said.get("predictions", [])}
        return answered, {problem["position"] for problem in said.get("problems", [])}


def try_batch(folder: Path, paths: list[Path], model: str, upload: Upload, tally: Tally) -> None:
    """Gives a folder of files to each step."""
    time_reading(paths, tally)
    tally.files += len(paths)
    masks = folder.parent / "masks"
    steps: dict[str, Callable[[], tuple[set[str], set[str]]]] = {
        "predict": lambda: split_lines(run_command("predict", folder, "--model", model, "--json")),
        "data info": lambda: split_counts(run_command("data", "info", folder, "--json"), "problems", paths),
        "audit": lambda: split_counts(run_command("audit", folder, "--json"), "unreadable", paths),
        "segment": lambda: split_lines(
            run_command("segment", folder, "--out", masks, "--model", model, "--json")
        ),
        "upload": lambda: send_all(upload, paths),
    }
    for step, call in steps.items():
        faulthandler.dump_traceback_later(STEP_SECONDS, exit=True)
        started = time.perf_counter()
        try:
            answered, refused = call()
        except Exception as error:  # whatever it is: the fault is told, and the next step is tried
            tally.faults.append(
                f"{step}, files {paths[2].name} to {paths[-1].name}: {type(error).__name__}: {error}"
            )
            continue
        finally:
            faulthandler.cancel_dump_traceback_later()
            tally.seconds[step] += time.perf_counter() - started
        tally.answered[step] += len(answered)
        tally.refused[step] += len(refused)
        unnamed = set(map(str, paths)) - answered - refused
        for path in sorted(unnamed):
            tally.faults.append(f"{step}: {Path(path).name} is not named")
        for path in sorted(answered & refused):
            tally.faults.append(f"{step}: {Path(path).name} is answered and refused")
    peak = tally.watch.measure_peak()
    if peak > BOUND_GB:
        tally.faults.append(f"memory {peak:.2f} GB after {tally.files} files; expected at most {BOUND_GB:g}")


def time_reading(paths: list[Path], tally: Tally) -> None:
    """Reads each file alone, and remembers the slowest."""
    from lentigo.images.photographs import try_image

    for path in paths:
        started = time.perf_counter()
        try_image(path)
        seconds = time.perf_counter() - started
        tally.slowest = max(tally.slowest, (seconds, path.name))


def run_command(*arguments: Any) -> str:
    """What a command prints. Raises whatever it did not turn into words, and `RuntimeError` for an exit code
    that is none of 0 and 3.
    """
    from typer.testing import CliRunner

    from lentigo.cli.app import app

    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code not in (0, 3):
        raise RuntimeError(f"exit code {result.exit_code}: {result.stderr[-500:]}")
    return result.stdout


def split_lines(output: str) -> tuple[set[str], set[str]]:
    """Of a JSON object a line the photographs that were answered, and those that were refused in one line."""
    answered = set()
    refused = set()
    for line in output.splitlines():
        said = json.loads(line)
        if "error" in said:
            require_line(said["error"])
            refused.add(said["image"])
        else:
            answered.add(said["image"])
    return answered, refused


def split_counts(output: str, name: str, paths: list[Path]) -> tuple[set[str], set[str]]:
    """Of one JSON object the photographs that are not listed as unreadable, where it counts all of them, and
    those that are.
    """
    said = json.loads(output)
    for problem in said[name]:
        require_line(problem["error"])
    empty = sum(path.stat().st_size == 0 for path in paths)  # no photograph from the beginning
    if said["n"] not in (len(paths), len(paths) - empty, len(paths) - len(said[name])):
        raise RuntimeError(f"counts {said['n']} photographs; expected {len(paths)}")
    refused = {problem["image"] for problem in said[name]}
    return {str(path) for path in paths} - refused, refused


def send_all(upload: Upload, paths: list[Path]) -> tuple[set[str], set[str]]:
    """Sends files in requests of `UPLOADS`."""
    answered = set()
    refused = set()
    for start in range(0, len(paths), UPLOADS):
        some = paths[start : start + UPLOADS]
        good, bad = upload.send(some)
        answered |= {str(some[position]) for position in good}
        refused |= {str(some[position]) for position in bad}
    return answered, refused


def require_line(error: str) -> None:
    """Raises `RuntimeError` for an error that is not one line."""
    if "\n" in error or not error or len(error) > 1000:
        raise RuntimeError(f"an error of several lines, or none: {error[:200]!r}")


@dataclass(frozen=True)
class Watch:
    """What this process held when the watch began; a program that begins by itself counts from nothing."""

    held_gb: float = 0.0

    def measure_peak(self) -> float:
        """The most memory since the watch began, above what was held then, GB."""
        return read_memory("VmHWM") - self.held_gb


def begin_watch() -> Watch:
    """Forgets the peak so far, for a caller that has done something else before; Linux alone can do that."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # sets the high-water mark to what is held now
    except OSError:
        return Watch(read_memory("VmHWM"))  # then only what goes beyond the old peak is seen
    return Watch(read_memory("VmRSS"))


def read_memory(name: str) -> float:
    """`VmRSS`, the memory that this process holds, or `VmHWM`, the most that it has held, GB.

    Linux' own mark where there is one: that of `getrusage` passes from the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024 / 1e9
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e9 / 1024)


if __name__ == "__main__":
    main()
