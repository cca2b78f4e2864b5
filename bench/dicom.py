"""How long reading a DICOM file takes beside the same JPEG: squeezed for the network, and at its own size.

python bench/dicom.py --width 1024 --height 768 --count 60
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from lentigo.clinical.photograph_object import encode_object, make_photograph
from lentigo.images.photographs import SIDE, decode_image


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--height", type=int, default=768)
    parser.add_argument("--count", type=int, default=60)
    options = parser.parse_args()
    jpeg = draw_jpeg(options.width, options.height)
    dicom = encode_object(make_photograph(jpeg, "drawn.jpg", "dermoscopic"))
    print(f"{options.width} x {options.height}, JPEG of {len(jpeg) / 1e3:.0f} kB, median of {options.count}")
    for side in (SIDE, None):
        plain, wrapped = measure_both(jpeg, dicom, side, options.count)
        words = "own size" if side is None else f"{side} x {side}"
        print(f"{words:>12}  JPEG {plain:6.2f} ms  DICOM {wrapped:6.2f} ms  {wrapped / plain - 1:+.1%}")


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
