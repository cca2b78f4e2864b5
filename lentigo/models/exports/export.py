"""Export: a RUN in the form of another runtime, compared with the Keras model on photographs before it
appears.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lentigo.common.file_names import take_path
from lentigo.common.json_values import replace_nan
from lentigo.common.results.summaries import Summarized, format_count
from lentigo.common.staging import stage_folder
from lentigo.errors import ModelError, UsageError, tell_install
from lentigo.models.bundle import CLASSIFIER, INT8_GRAPH, INT8_WEIGHTS, Bundle, amend_bundle, open_bundle
from lentigo.models.exports.formats import find_format, run_keras
from lentigo.models.exports.output_comparison import choose_pixels, compare, refuse_difference
from lentigo.models.exports.places import find_place, measure_megabytes, publish
from lentigo.models.exports.quantization import QuantizationLoss, quantize_bundle
from lentigo.models.networks.backbones import find_backbone


@dataclass(frozen=True, repr=False, eq=False)
class Export(Summarized):
    """A model that was exported.

    With int8 the differences are between int8 and fp32, over all validation photographs.

    Attributes:
        path: The file or folder.
        format: A key of `lentigo.models.exports.formats.FORMATS`.
        largest_difference: Of P(malignant) before calibration from the RUN's model; of P(lesion) where the
            RUN has no classifier.
        photographs: How many it was compared on.
        megabytes: Of all its files.
        deviations: Of the other outputs, as a share of their largest value.
        int8: What int8 costs, where it was asked for.
    """

    path: Path
    format: str
    largest_difference: float
    photographs: int
    megabytes: float
    deviations: dict[str, float]
    int8: QuantizationLoss | None = None

    def summarize(self) -> str:
        """What matters most, in a few words."""
        return (
            f"{str(self.path)!r}: {self.format}, {self.megabytes:.1f} MB, at most {self.largest_difference:.2g} off on "
            f"{format_count(self.photographs, 'photograph')}"
        )

    def to_json(self) -> dict[str, Any]:
        """The fields, paths as text."""
        return {**asdict(self), "path": str(self.path)}


def export(
    run: str | Path | Bundle,
    format: str,
    out: str | Path,
    *,
    int8: bool = False,
    images: str | Path | Iterable[str | Path] | None = None,
) -> Export:
    """Writes a RUN in another form, whole or not at all, and compares it with the RUN's Keras model.

    Args:
        run: The RUN, or its folder.
        format: A key of `lentigo.models.exports.formats.FORMATS`.
        out: A file with the format's suffix, else a folder to be made.
        int8: Quantises, with the format openvino; the card says what that costs. The int8 form is kept in the
            RUN too, and used by default, where 99.5 % of the decisions stay and the upper limit of the loss
            of AUROC is below 0.002.
        images: Files or folders of photographs to compare on; else the RUN's validation photographs where
            they still are, filled up with synthetic lesions to at least 16.

    Raises:
        UsageError: The format is unknown, or the place is taken.
        ModelError: The RUN cannot be used, a library is missing, or a probability differs by more than 1e-3.
    """
    kind = find_format(format, int8)
    out = take_path(out, "out", "the name of a file or folder")
    # A name such as `..` has no last part to be replaced
    out = out if out.name not in ("", "..") else out.resolve()
    place = find_place(out, kind)
    if int8 and images is not None:
        raise UsageError(
            "photos and int8 do not go together: int8 is calibrated and measured on the RUN's own "
            "validation photographs"
        )
    bundle = run if isinstance(run, Bundle) else open_bundle(run)
    if int8:
        return export_int8(bundle, out, place)
    model = load_model(bundle)
    pixels = choose_pixels(bundle, images)
    with stage_folder(out) as folder:
        staged = folder / place.relative_to(out.parent)
        staged.parent.mkdir(exist_ok=True)
        kind.write(bundle, model, staged)
        # Compared where it is staged: a form that differs never appears at its place
        deviations = compare(run_keras(model, pixels), kind.run(staged, pixels))
        refuse_difference(format, deviations, len(pixels))
        megabytes = measure_megabytes(folder)
        publish(folder, out)
    main_output = "probability" if "probability" in deviations else "mask"
    largest_difference = deviations.pop(main_output)
    return Export(place, format, largest_difference, len(pixels), megabytes, deviations)


def export_int8(bundle: Bundle, out: Path, place: Path) -> Export:
    """Quantises a RUN's graph and writes the int8 form to `place`; where it is as good as the graph it is kept
    in the RUN, too, which then predicts with it.
    """
    with stage_folder(bundle.folder / INT8_GRAPH) as int8_folder, stage_folder(out) as folder:
        loss = quantize_bundle(bundle, int8_folder)
        staged = folder / place.relative_to(out.parent)
        staged.parent.mkdir(exist_ok=True)
        shutil.copyfile(int8_folder / INT8_WEIGHTS, staged.with_suffix(".bin"))
        shutil.copyfile(int8_folder / INT8_GRAPH, staged)
        megabytes = measure_megabytes(folder)
        entry = replace_nan(asdict(loss))
        if loss.neutral:
            amend_bundle(bundle, (int8_folder / INT8_WEIGHTS, int8_folder / INT8_GRAPH), int8=entry)
        else:
            amend_bundle(bundle, (), drop=(INT8_GRAPH, INT8_WEIGHTS), int8=entry)
        publish(folder, out)
    return Export(place, "openvino", loss.largest_difference, loss.n, megabytes, {}, loss)


def load_model(bundle: Bundle) -> Any:
    """The Keras model with all answers. Raises `ModelError` where the RUN or the machine lacks what that
    takes.
    """
    if CLASSIFIER not in bundle.card["files"]:
        raise ModelError(
            f"{bundle.folder}: has no {CLASSIFIER}; expected a RUN as `lentigo train` wrote it: exports are "
            "compared with that model"
        )
    try:
        from lentigo.models.networks.network import open_network
        from lentigo.models.networks.output_models import build_export_model
    except ImportError as error:
        raise ModelError(f"export needs Keras and TensorFlow ({error}); {tell_install('train')}") from error
    return build_export_model(
        open_network(bundle.folder / CLASSIFIER, find_backbone(bundle.card["backbone"]))
    )
