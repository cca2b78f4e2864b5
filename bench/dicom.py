"""How long reading a DICOM file takes beside the same JPEG: squeezed for the network, and at its own size.

python bench/dicom.py --width 1024 --height 768 --count 60
python bench/dicom.py --frames 200     # also a file of 200 such JPEGs, all of its frames read one after another
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.encaps import encapsulate
from tables import make_parser

from lentigo.clinical.photograph_object import encode_object, make_photograph
from lentigo.images.listing import find_images
from lentigo.images.photographs import SIDE, decode_image, read_image


def main() -> None:
    """Prints a table."""
    parser = make_parser(__doc__)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--height", type=int, default=768)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--frames", type=int, default=0, help="of one file, which is read frame by frame")
    options = parser.parse_args()
    jpeg = draw_jpeg(options.width, options.height)
    dicom = encode_object(make_photograph(jpeg, "drawn.jpg", "dermoscopic"))
    print(f"{options.width} x {options.height}, JPEG of {len(jpeg) / 1e3:.0f} kB, median of {options.count}")
    for side in (SIDE, None):
        plain, wrapped = measure_both(jpeg, dicom, side, options.count)
        words = "own size" if side is None else f"{side} x {side}"
        print(f"{words:>12}  JPEG {plain:6.2f} ms  DICOM {wrapped:6.2f} ms  {wrapped / plain - 1:+.1%}")
    if options.frames:
        measure_frames(jpeg, options.frames)


def measure_frames(jpeg: bytes, count: int) -> None:
    """Prints how long each frame of a file takes, beside the same JPEG in a file of its own."""
    dataset = make_photograph(jpeg, "drawn.jpg", "dermoscopic")
    dataset.NumberOfFrames = count
    dataset.PixelData = encapsulate([jpeg] * count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.dcm"
        path.write_bytes(encode_object(dataset))
        single = Path(folder) / "single.jpg"
        single.write_bytes(jpeg)
        plain = measure(lambda: [read_image(single) for _ in range(count)]) / count
        framed = measure(lambda: [read_image(frame) for frame in find_images(path)]) / count
        size = path.stat().st_size / 1e6
    print(
        f"{count} frames, {size:.0f} MB  JPEG {plain:6.2f} ms  frame {framed:6.2f} ms  {framed / plain - 1:+.1%}"
    )


def draw_jpeg(width: int, height: int) -> bytes:
    """A JPEG with smooth colours and some noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(60, 200, (12, 16, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), int)
    noisy = np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def measure_both(jpeg: bytes, dicom: bytes, side: int | None, count: int) -> tuple[float, float]:
    """Median milliseconds of each, read in turn so that noise meets both."""
    times: dict[str, list[float]] = {"jpeg": [], "dicom": []}
    for _ in range(count):
        times["jpeg"].append(measure(lambda: decode_image(jpeg, "drawn.jpg", side)))
        times["dicom"].append(measure(lambda: decode_image(dicom, "drawn.dcm", side)))
    return statistics.median(times["jpeg"]), statistics.median(times["dicom"])


def measure(act: Callable[[], object]) -> float:
    """Milliseconds of the processor that a call takes: others that use the machine do not count."""
    start = time.thread_time()
    act()
    return 1e3 * (time.thread_time() - start)


if __name__ == "__main__":
    main()
