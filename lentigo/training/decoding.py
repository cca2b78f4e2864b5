"""What trains a decoder: views with their masks, the stages, and the scores by which the best epoch is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import keras
import numpy as np

from lentigo.data.masks import MaskSet, read_mask
from lentigo.data.photos import SIDE, read_photo
from lentigo.data.progress import Progress
from lentigo.models.decoder import find_skips
from lentigo.models.graph import to_onnx
from lentigo.models.network import Network, unfreeze_trunk
from lentigo.models.runtime import Session
from lentigo.training.augmentation import augment_pair, find_augmentation, view_generator
from lentigo.training.losses import MaskLoss
from lentigo.training.recipes import Recipe
from lentigo.training.stages import Stage, compile_model, plan_rate

CHUNK = 16  # photographs that are measured at a time
Answer = Callable[[np.ndarray], np.ndarray]  # photographs, uint8 (n, side, side, 3), to logits (n, side, side)


@dataclass(frozen=True)
class MaskJob:
    """The training of one decoder on one network."""

    recipe: Recipe
    network: Network
    decoder: keras.Model
    training: MaskSet
    validation: MaskSet
    checkpoint: Path
    exact: bool
    progress: Progress


def build_decoder_stage(job: MaskJob) -> Stage:
    """The decoder on the feature maps of a trunk that stays as it is; those are OpenVINO's, which is several times faster than training."""
    trunk = open_trunk(job.network, exact=job.exact)
    prepare(job.decoder, job)
    return Stage(
        "decoder", job.decoder, job.recipe.mask_epochs,
        lambda epoch, rows: map_views(trunk, *load_pairs(job.training, job.recipe, epoch, rows)),
        lambda: score_masks(job.validation, lambda photos: answer_decoder(job.decoder, find_features(trunk, photos))),
        "val_jaccard", np.ones(len(job.training), np.float32), watched=True,
    )  # fmt: skip


def build_whole_stage(job: MaskJob) -> Stage:
    """Decoder and trunk together, its batch norms still."""
    unfreeze_trunk(job.network)
    model = keras.Model(job.network.full.input, job.network.mask)
    prepare(model, job)
    return Stage(
        "decoder and trunk", model, job.recipe.mask_epochs,
        lambda epoch, rows: load_pairs(job.training, job.recipe, epoch, rows),
        lambda: score_masks(job.validation, open_answer(model, exact=job.exact)),
        "val_jaccard", np.ones(len(job.training), np.float32), watched=True,
    )  # fmt: skip


def prepare(model: keras.Model, job: MaskJob) -> None:
    """Compiles a model for masks."""
    recipe, steps = job.recipe, -(-len(job.training) // job.recipe.batch_size)
    compile_model(model, recipe, plan_rate(recipe, recipe.mask_learning_rate, recipe.mask_epochs, steps), recipe.average, MaskLoss())


def open_trunk(network: Network, *, exact: bool) -> Session:
    """A session that gives the feature maps that a decoder takes, by the names of its inputs."""
    maps = {f"skip_{skip.shape[1]}": skip for skip in find_skips(network)}
    return Session(to_onnx(keras.Model(network.trunk.input, maps)).SerializeToString(), precision="f32" if exact else None)


def find_features(trunk: Session, photos: np.ndarray) -> list[np.ndarray]:
    """The feature maps of photographs, coarsest first, float32 (n, side, side, d) each."""
    answers = trunk.answer(photos)
    return [answers[name] for name in sorted(answers, key=lambda name: answers[name].shape[1])]


def map_views(trunk: Session, photos: np.ndarray, masks: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Views as feature maps, beside their masks."""
    return find_features(trunk, photos), masks


def load_pairs(masks: MaskSet, recipe: Recipe, epoch: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Random views of some photographs, uint8 (n, side, side, 3), and of their masks, float32 (n, side, side)."""
    augmentation, table = find_augmentation(recipe), masks.table
    pairs = [
        augment_pair(read_photo(table["image"].iat[n]).pixels, read_mask(table["mask"].iat[n], SIDE), augmentation, view_generator(recipe.seed, epoch, n))
        for n in rows
    ]
    return np.stack([photo for photo, _ in pairs]), np.stack([mask for _, mask in pairs])


def answer_decoder(decoder: keras.Model, features: list[np.ndarray]) -> np.ndarray:
    """Logits of a decoder, float (n, side, side)."""
    return keras.ops.convert_to_numpy(decoder(features, training=False))


def open_answer(model: keras.Model, *, exact: bool) -> Answer:
    """The logits of a model of photographs as it is now."""
    session = Session(to_onnx(model).SerializeToString(), precision="f32" if exact else None)
    (name,) = session.names
    return lambda photos: session.answer(photos)[name]


def score_masks(masks: MaskSet, answer: Answer) -> dict[str, float]:
    """The loss at the network's size, Dice and Jaccard at each mask's own size, all as means over photographs."""
    table, losses, overlaps = masks.table, [], []
    for start in range(0, len(masks), CHUNK):
        images, outlines = table["image"].iloc[start : start + CHUNK], [read_mask(path) for path in table["mask"].iloc[start : start + CHUNK]]
        logits = answer(np.stack([read_photo(image).pixels for image in images]))
        small = np.stack([read_mask(path, SIDE) for path in table["mask"].iloc[start : start + CHUNK]])
        losses += [float(MaskLoss()(mask[None], logit[None])) for mask, logit in zip(small, logits, strict=True)]
        overlaps += [measure_overlap(logit, outline) for logit, outline in zip(logits, outlines, strict=True)]
    dice, jaccard = np.mean(overlaps, axis=0)
    return {"val_loss": float(np.mean(losses)), "val_dice": float(dice), "val_jaccard": float(jaccard)}


def measure_overlap(logits: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Dice and Jaccard of logits, float (side, side), with a mask of 0 and 1, uint8 (height, width), at the mask's size."""
    found = cv2.resize(logits, mask.shape[::-1], interpolation=cv2.INTER_LINEAR) >= 0
    both, total = float((found & (mask == 1)).sum()), float(found.sum() + mask.sum())
    return (2 * both / total, both / (total - both)) if total else (1.0, 1.0)
