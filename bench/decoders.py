"""What it costs to decode a JPEG by Pillow, as Lentigo does, and by other libraries.

    pip install simplejpeg==1.9.0
    python bench/decoders.py photographs/malignant_vs_benign/train --count 40

Processor time of one thread, medians of five rounds in turn. Pillow and simplejpeg decode at a scale of the
file (draft mode, libjpeg-turbo's scaled decoding) that is no smaller than the network's input; OpenCV decodes
whole frames. `same pixels` compares with Pillow where the sizes agree.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from PIL import Image
from tables import describe_machine, make_parser, print_table

from lentigo.images.listing import find_images
from lentigo.images.photographs import SIDE

SIZES = ((224, 224), (1024, 768), (4000, 3000))
QUALITY = 92  # of the files that are made
ROUNDS = 5
LARGEST_COUNT = 6  # files of the largest size


def main() -> None:
    """Prints a row for each size and decoder."""
    parser = make_parser(__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=40)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(describe_machine())
    images = find_images(options.photos)
    chosen = images[:: max(1, len(images) // options.count)][: options.count]
    rows = []
    if find_spec("simplejpeg") is None:
        print("simplejpeg is not installed, and left out: pip install simplejpeg==1.9.0")
        del DECODERS["simplejpeg"]
    for size in SIZES:
        count = LARGEST_COUNT if size == SIZES[-1] else len(chosen)
        files = [encode(path, size) for path in chosen[:count]]
        times = measure_times(files)
        for name, decode in DECODERS.items():
            rows.append([f"{size[0]} x {size[1]}", name, times[name], compare(files[0], decode)])
    print_table(["file", "decoder", "CPU ms", "same pixels"], rows)


def encode(path: Path, size: tuple[int, int]) -> bytes:
    """A photograph as a JPEG of a size."""
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def measure_times(files: list[bytes]) -> dict[str, float]:
    """Processor time in ms of one file, by decoder; the decoders take turns."""
    rounds: dict[str, list[float]] = {name: [] for name in DECODERS}
    for _ in range(ROUNDS):
        for name, decode in DECODERS.items():
            start = time.thread_time()
            for file in files:
                decode(file)
            rounds[name].append((time.thread_time() - start) / len(files) * 1000)
    return {name: median(times) for name, times in rounds.items()}


def compare(file: bytes, decode: Callable[[bytes], np.ndarray]) -> str:
    """Whether a decoder gives Pillow's pixels."""
    expected = decode_by_pillow(file)
    pixels = decode(file)
    if pixels.shape != expected.shape:
        return f"another scale, {pixels.shape[1]} x {pixels.shape[0]}"
    return "yes" if (pixels == expected).all() else "no"


def decode_by_pillow(file: bytes) -> np.ndarray:
    """Pillow in draft mode, uint8 (h, w, 3)."""
    image = Image.open(io.BytesIO(file))
    image.draft("RGB", (SIDE, SIDE))
    return np.asarray(image.convert("RGB"))


def decode_by_opencv(file: bytes) -> np.ndarray:
    """OpenCV, the whole frame."""
    pixels = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert pixels is not None  # `encode` made the file
    return pixels


def decode_by_simplejpeg(file: bytes) -> np.ndarray:
    """libjpeg-turbo, by simplejpeg."""
    import simplejpeg

    return simplejpeg.decode_jpeg(file, min_height=SIDE, min_width=SIDE, min_factor=1)


DECODERS = {"Pillow": decode_by_pillow, "OpenCV": decode_by_opencv, "simplejpeg": decode_by_simplejpeg}


if __name__ == "__main__":
    main()
