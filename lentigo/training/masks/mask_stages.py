"""What trains a decoder: views with their masks, the stages, and the scores by which the best epoch is
known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from scipy.special import logit

from lentigo.common.progress import Progress
from lentigo.datasets.masks import MaskSet, read_mask, resize_mask
from lentigo.evaluation.masks.mask_scores import measure_overlap
from lentigo.images.photographs import SIDE, read_image
from lentigo.models.compilation import fastest_precision
from lentigo.models.graphs.onnx_graph import to_onnx
from lentigo.models.networks.deep_learning import keras, ops
from lentigo.models.networks.mask_decoder import find_skips
from lentigo.models.networks.network import Network, unfreeze_backbone
from lentigo.models.runtime import Session
from lentigo.training.loop.augmentation import augment_pair, find_augmentation, lay_mosaics, view_generator
from lentigo.training.loop.losses import MaskLoss
from lentigo.training.loop.stages import Stage, compile_model, plan_rate, run_stages
from lentigo.training.recipes import Recipe

CHUNK = 16  # photographs that are measured at a time
LARGEST_LOSS = 0.002  # of Jaccard, by bf16
Answer = Callable[
    [np.ndarray], np.ndarray
]  # photographs, uint8 (n, side, side, 3), to logits (n, side, side)


@dataclass(frozen=True)
class MaskJob:
    """The training of one decoder on one network; `held_out`, bool (n,), are the photographs for validation,
    `work` is the folder of the checkpoint.
    """

    network: Network
    decoder: keras.Model
    recipe: Recipe
    masks: MaskSet
    held_out: np.ndarray
    work: Path
    fp32: bool
    progress: Progress

    @cached_property
    def training(self) -> MaskSet:
        return self.masks.take(~self.held_out)

    @cached_property
    def validation(self) -> MaskSet:
        return self.masks.take(self.held_out)

    @property
    def precision(self) -> str | None:
        """Of what OpenVINO computes meanwhile; None is the processor's fastest."""
        return "f32" if self.fp32 else None

    def run(self, builders: Sequence[Callable[[MaskJob], Stage]]) -> pd.DataFrame:
        """Trains stage by stage, going on from the checkpoint where there is one; gives the history."""
        return run_stages(
            [partial(build, self) for build in builders], self.recipe, self.work / "state.npz", self.progress
        )


def build_decoder_stage(job: MaskJob) -> Stage:
    """The decoder on the feature maps of a trunk that stays as it is; those are OpenVINO's, which is several
    times faster than training.
    """
    trunk = open_feature_extractor(job)
    prepare(job.decoder, job, job.recipe.mask_learning_rate)
    return Stage(
        "decoder",
        job.decoder,
        job.recipe.mask_epochs,
        lambda epoch, rows: map_views(trunk, *load_pairs(job.training, job.recipe, epoch, rows)),
        lambda: score_masks(
            job.validation, lambda images: answer_decoder(job.decoder, find_features(trunk, images))
        ),
        "val_jaccard",
        np.ones(len(job.training), np.float32),
        watched=True,
    )


def build_whole_stage(job: MaskJob) -> Stage:
    """Decoder and trunk together, its batch norms still."""
    unfreeze_backbone(job.network)
    model = keras.Model(job.network.feature_extractor.input, job.network.mask_logit)
    prepare(model, job, job.recipe.learning_rate)
    return Stage(
        "decoder and trunk",
        model,
        job.recipe.mask_epochs,
        lambda epoch, rows: load_pairs(job.training, job.recipe, epoch, rows),
        lambda: score_masks(job.validation, open_answer(to_onnx(model).SerializeToString(), job.precision)),
        "val_jaccard",
        np.ones(len(job.training), np.float32),
        watched=True,
    )


def prepare(model: keras.Model, job: MaskJob, rate: float) -> None:
    """Compiles a model for masks; `rate` is the highest."""
    recipe, steps = job.recipe, -(-len(job.training) // job.recipe.batch_size)
    compile_model(model, recipe, plan_rate(recipe, rate, recipe.mask_epochs, steps), recipe.ema, MaskLoss())


def open_feature_extractor(job: MaskJob) -> Session:
    """A session that gives the feature maps that a decoder takes, by the names of its inputs."""
    maps = {f"skip_{skip.shape[1]}": skip for skip in find_skips(job.network)}
    return Session(
        to_onnx(keras.Model(job.network.feature_extractor.input, maps)).SerializeToString(),
        precision=job.precision,
    )


def find_features(trunk: Session, images: np.ndarray) -> list[np.ndarray]:
    """The feature maps of photographs, coarsest first, float32 (n, side, side, d) each."""
    answers = trunk.run(images)
    return [answers[name] for name in sorted(answers, key=lambda name: answers[name].shape[1])]


def map_views(trunk: Session, images: np.ndarray, masks: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Views as feature maps, beside their masks."""
    return find_features(trunk, images), masks


def load_pairs(masks: MaskSet, recipe: Recipe, epoch: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Random views of some photographs, uint8 (n, side, side, 3), and of their masks, float32 (n, side,
    side).
    """
    augmentation, table = find_augmentation(recipe), masks.table
    pairs = [
        augment_pair(
            read_image(table["image"].iat[n]).pixels,
            read_mask(table["mask"].iat[n], SIDE),
            augmentation,
            view_generator(recipe.seed, epoch, n),
        )
        for n in rows
    ]
    views, outlines = (np.stack(each) for each in zip(*pairs, strict=True))
    return (
        lay_mosaics(views, outlines, recipe.mosaic, view_generator(recipe.seed, epoch, *rows))
        if recipe.mosaic
        else (views, outlines)
    )


def answer_decoder(decoder: keras.Model, features: list[np.ndarray]) -> np.ndarray:
    """Logits of a decoder, float (n, side, side)."""
    return keras.ops.convert_to_numpy(decoder(features, training=False))


def open_answer(graph: Path | bytes, precision: str | None) -> Answer:
    """What a graph that ends in a mask, or in its logits, says of photographs."""
    session = Session(graph, precision=precision)
    name = "mask" if "mask" in session.names else session.names[0]

    def answer(images: np.ndarray) -> np.ndarray:
        found = session.run(images)[name]
        return logit(np.clip(found, 1e-6, 1 - 1e-6)) if name == "mask" else found

    return answer


def score_masks(masks: MaskSet, answer: Answer) -> dict[str, float]:
    """The loss at the network's size, Dice and Jaccard at each mask's own size, all as means over
    photographs.
    """
    loss, losses, overlaps = MaskLoss(), [], []
    for start in range(0, len(masks), CHUNK):
        rows = masks.table.iloc[start : start + CHUNK]
        logits, outlines = (
            answer(np.stack([read_image(image).pixels for image in rows["image"]])),
            [read_mask(path) for path in rows["mask"]],
        )
        small = np.stack([resize_mask(outline, SIDE) for outline in outlines])
        losses += ops.convert_to_numpy(loss.call(small, logits)).tolist()
        overlaps += [
            measure_overlap(mask == 1, grow(found, mask.shape) >= 0)
            for found, mask in zip(logits, outlines, strict=True)
        ]
    jaccard = np.array(overlaps)
    return {
        "val_loss": float(np.mean(losses)),
        "val_dice": float((2 * jaccard / (1 + jaccard)).mean()),
        "val_jaccard": float(jaccard.mean()),
    }


def grow(logits: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Logits, float (side, side), at another shape, (height, width)."""
    return cv2.resize(logits, shape[::-1], interpolation=cv2.INTER_LINEAR)


def compare_precisions(graph: Path, masks: MaskSet) -> dict[str, Any] | None:
    """Whether bf16 outlines lesions as fp32 does, for the card; None where this processor does not compute in
    bf16.
    """
    if fastest_precision() != "bf16":
        return None
    f32, bf16 = (
        score_masks(masks, open_answer(graph, precision))["val_jaccard"] for precision in ("f32", "bf16")
    )
    return {
        "n": len(masks),
        "jaccard_f32": f32,
        "jaccard_bf16": bf16,
        "neutral": abs(f32 - bf16) <= LARGEST_LOSS,
    }
