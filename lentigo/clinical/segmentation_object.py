"""The outline of a lesion as a DICOM Segmentation, with the geometry of its source."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from lentigo._version import __version__
from lentigo.clinical.codes import ABNORMAL, ARTIFICIAL_INTELLIGENCE, LESION, RESEARCH_ONLY
from lentigo.clinical.identifiers import derive_uid
from lentigo.clinical.sources import Source
from lentigo.images.dicom.dicom_attributes import find_spacing

if TYPE_CHECKING:
    from highdicom.seg import SegmentDescription
    from pydicom import Dataset

SERIES_NUMBER = 9001  # beyond those that cameras use


def make_segmentation(source: Source, mask: np.ndarray, model: str) -> Dataset:
    """A binary segmentation of one segment, the lesion.

    Args:
        source: the image that was segmented.
        mask: uint8 or bool (rows, columns) of the source, not 0 where the lesion is.
        model: the name of the model that drew it.

    Returns:
        highdicom's segmentation.

    Raises:
        ValueError: where the mask is not as large as the source.
    """
    import highdicom
    from highdicom.seg import Segmentation

    # highdicom takes images of a few classes alone; `name_class` puts the source's own back
    dataset = source.stand_in()
    frame = str(source.frame or 1)
    spacing = find_spacing(dataset)
    scale = None
    if spacing is not None:
        # A photograph has no thickness, and 0 is forbidden: a pixel's own
        scale = highdicom.PixelMeasuresSequence((spacing, spacing), slice_thickness=spacing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on patients' names of one part, which are the source's
        made = Segmentation(
            source_images=[dataset],
            pixel_array=(mask > 0).astype(np.uint8),
            segmentation_type="BINARY",
            segment_descriptions=[describe_segment(model)],
            series_instance_uid=derive_uid("seg series", model, dataset.SeriesInstanceUID),
            series_number=SERIES_NUMBER,
            sop_instance_uid=derive_uid("seg", model, dataset.SOPInstanceUID, frame),
            instance_number=int(frame),
            manufacturer="Lentigo",
            manufacturer_model_name=f"Lentigo {model}"[:64],
            software_versions=__version__,
            device_serial_number="none",
            pixel_measures=scale,
            content_label="LESION",
            content_description="Lesion; research output, unverified",
            omit_empty_frames=False,
        )
    source.name_class(made)
    made.PatientOrientation = ""
    made.SeriesDescription = "Lesion; research output, unverified"
    made.ImageComments = RESEARCH_ONLY
    return made


def describe_segment(model: str) -> SegmentDescription:
    """The one segment: a lesion, drawn by this program."""
    import highdicom
    from highdicom.seg import SegmentDescription

    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=f"Lentigo {model}"[:64],  # letters that the attribute holds
        family=highdicom.sr.CodedConcept(*ARTIFICIAL_INTELLIGENCE),
        version=__version__,
    )
    return SegmentDescription(
        segment_number=1,
        segment_label="lesion",
        segmented_property_category=highdicom.sr.CodedConcept(*ABNORMAL),
        segmented_property_type=highdicom.sr.CodedConcept(*LESION),
        algorithm_type="AUTOMATIC",
        algorithm_identification=algorithm,
    )
