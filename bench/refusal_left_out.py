"""How much a refusal by the frozen branch refuses, and calls shifted, of a source that it does not know.

    python bench/refusal_left_out.py sources.csv --flowers flowers --objects objects --model bundled

The branch is the same for every source: what it knows of them is the reference alone. So for each source the
reference is fitted anew on all the others, as bench/rejudge.py does, with the limits of flowers and of drawn
pictures without a lesion. Then the source that was left out is measured, and the objects, which set no limit.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from rejudge import OUTPUT, measure_no_lesions
from tables import describe_machine, make_parser, print_table

from lentigo.common.statistics.intervals import estimate_share
from lentigo.common.statistics.resampling import spread_rows
from lentigo.datasets.manifests import load_dataset
from lentigo.images.listing import list_images
from lentigo.images.photographs import DecodedImage, stream_images
from lentigo.inference.decisions.refusal import Reference
from lentigo.models.bundle import open_bundle
from lentigo.models.runtime import Session
from lentigo.training.calibration.reference_fit import fit_reference, set_limits
from lentigo.training.holdout import list_holdouts, list_sources


def main() -> None:
    """Prints one row a source that is left out."""
    parser = make_parser(__doc__)
    parser.add_argument("data", help="a manifest with a column `source`")
    parser.add_argument("--flowers", required=True, help="a folder of other things, to set limits")
    parser.add_argument("--objects", required=True, help="a folder of other things, to measure")
    parser.add_argument("--model", default="bundled", help="a RUN with a frozen branch")
    parser.add_argument("--most", type=int, default=1000, help="photographs of a source")
    options = parser.parse_args()
    print(describe_machine())
    bundle = open_bundle(options.model)
    session = Session(bundle.graph, precision="f32", outputs=(OUTPUT,))
    dataset = load_dataset(options.data)
    points = {}
    truth = {}
    for name, source in list_holdouts(dataset, sorted(set(list_sources(dataset)))).items():
        sample = source.take(spread_rows(len(source), options.most))
        points[name] = measure_points(session, sample.table["image"])
        truth[name] = sample.malignant
    flowers = measure_no_lesions(session, options.flowers)
    objects = measure_points(session, list_images([options.objects]))
    rows = []
    for name in points:
        known = np.concatenate([points[other] for other in points if other != name])
        malignant = np.concatenate([truth[other] for other in truth if other != name])
        reference = fit_limits(known, malignant, flowers)
        distances = reference.measure_distance(points[name])
        refused = distances > reference.limit
        shifted = (distances > reference.shift_limit) & ~refused
        low, high = estimate_share(refused, np.arange(len(refused)))
        other_things = (reference.measure_distance(objects) > reference.limit).mean()
        interval = f"{100 * low:.1f} to {100 * high:.1f}"
        rows.append(
            [
                name,
                len(refused),
                f"{100 * refused.mean():.1f}",
                interval,
                f"{100 * shifted.mean():.1f}",
                f"{100 * other_things:.1f}",
            ]
        )
    headings = ["source left out", "n", "refused, %", "95 % interval", "shifted, %", "objects refused, %"]
    print_table(headings, rows)


def measure_points(session: Session, images: Iterable) -> np.ndarray:
    """What the branch gives for photographs that can be read, float (n, d)."""
    pixels = (image.pixels for image in stream_images(images) if isinstance(image, DecodedImage))
    return np.stack([outputs[OUTPUT] for outputs in session.stream(pixels)])


def fit_limits(points: np.ndarray, malignant: np.ndarray, no_lesions: np.ndarray) -> Reference:
    """A reference of known photographs: half of them to fit on, half to set the limit of a shift."""
    fitted = np.arange(len(points)) % 2 == 0
    reference = fit_reference(
        points[fitted],
        malignant[fitted],
        points[~fitted],
        malignant[~fitted],
        np.zeros((~fitted).sum()),
        OUTPUT,
    )
    return set_limits(reference, reference.measure_distance(points[~fitted]), no_lesions)


if __name__ == "__main__":
    main()
