"""From what the network gives for a photograph to the record that is kept of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import uuid4

from lentigo.images.photographs import DecodedImage
from lentigo.inference.lesions.outlines import trace_outline
from lentigo.inference.lesions.segmentation import segment_result
from lentigo.inference.results import InferenceResult
from lentigo.serving.predictions.inference_pool import InferencePool
from lentigo.serving.predictions.known_cases import describe_similar
from lentigo.serving.predictions.request_context import RequestContext
from lentigo.serving.store.records import CENTRES, Record

NOT_STORED = ("image", "similar", "thumbnail")  # of a prediction: the record has no name, and no pixels


def make_record(
    result: InferenceResult, image: DecodedImage, pool: InferencePool, context: RequestContext
) -> Record:
    """Makes the record of one prediction.

    Args:
        result: what the network gave.
        image: the image that it saw.
        pool: the model.
        context: the request.

    Returns:
        The record, not yet in the store.
    """
    measures, outline = outline_lesion(result, image, pool, context)
    heatmap = None
    if result.heatmap is not None:
        heatmap = result.heatmap.astype(float).round(4).tolist()  # (h, w); more digits say nothing
    return Record(
        id=str(uuid4()),
        created=context.created,
        who=context.who,
        request=context.request,
        position=int(image.image),
        sha256=image.digest,
        width=result.size[0],
        height=result.size[1],
        model=pool.name,
        model_sha256=pool.bundle.card["files"]["model.onnx"],
        answer=describe_prediction(result) | describe_similar(result, pool, context.details.patient_id),
        measures=measures,
        heatmap=heatmap,
        outline=outline,
        lesion=context.details.lesion,
        taken=context.details.taken,
        fingerprint=context.fingerprint,
    )


def outline_lesion(
    result: InferenceResult, image: DecodedImage, pool: InferencePool, context: RequestContext
) -> tuple[dict[str, Any] | None, list[list[list[float]]] | None]:
    """Measures and outline of the lesion; None each where the model has no mask decoder, or found none."""
    if not pool.outlines:
        return None, None
    # What the sender says of the scale is worth more than what a file may have inherited
    scale = context.details.mm_per_pixel or image.mm_per_pixel
    segmentation = segment_result(result, pool.name, scale)
    measures = asdict(segmentation.measures) if segmentation.measures else None
    return measures, trace_outline(segmentation)


def describe_prediction(result: InferenceResult) -> dict[str, Any]:
    """The prediction as JSON, without the image's name, and with the centres of the heatmap's cells."""
    facts = asdict(result.get_prediction())
    for name in NOT_STORED:
        del facts[name]
    facts["warnings"] = list(facts["warnings"])
    facts[CENTRES] = list(result.centres)
    return facts
