"""What trains a mask decoder: views with their masks, and the stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd

from lentigo.common.progress import Progress
from lentigo.datasets.mask_reading import read_mask
from lentigo.datasets.masks import MaskSet
from lentigo.images.photographs import SIDE, read_image
from lentigo.models.graphs.onnx_graph import to_onnx
from lentigo.models.networks.deep_learning import keras
from lentigo.models.networks.mask_decoder import find_skips
from lentigo.models.networks.network import Network, unfreeze_backbone
from lentigo.models.runtime import Session
from lentigo.training.holdout import list_sources
from lentigo.training.loop.losses import MaskLoss
from lentigo.training.loop.sampling import Cell, plan_cells
from lentigo.training.loop.stage_runs import run_stages
from lentigo.training.loop.stages import Stage, compile_model, count_steps, plan_rate
from lentigo.training.masks.mask_validation import open_predictor, score_masks
from lentigo.training.recipes import Recipe
from lentigo.training.views.augmentation import augment_pair, find_augmentation, view_generator
from lentigo.training.views.lesion_removal import draw_removal, remove_lesion
from lentigo.training.views.mixing import lay_mosaics


@dataclass(frozen=True)
class MaskJob:
    """The training of one decoder on one network.

    Attributes:
        network: With the decoder attached.
        decoder: Feature maps to the logits of the mask.
        recipe: Of the training.
        masks: n photographs with their masks.
        held_out: Those for validation, bool (n,).
        work: The folder of the checkpoint.
        fp32: Whether feature maps are computed, and the decoder is measured, in fp32.
        progress: Watches epochs and steps go by.
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
        """The photographs to learn from."""
        return self.masks.take(~self.held_out)

    @cached_property
    def validation(self) -> MaskSet:
        """The photographs that choose the best epoch."""
        return self.masks.take(self.held_out)

    @property
    def precision(self) -> str | None:
        """Of what OpenVINO computes meanwhile; None is the processor's fastest."""
        return "f32" if self.fp32 else None

    def run(self, builders: Sequence[Callable[[MaskJob], Stage]]) -> pd.DataFrame:
        """Trains stage by stage, going on from the checkpoint where there is one.

        Args:
            builders: Of the stages, in order.

        Returns:
            The history, a row for each epoch.
        """
        stages = [partial(build, self) for build in builders]
        return run_stages(stages, self.recipe, self.work / "state.npz", self.progress)


def build_decoder_stage(job: MaskJob) -> Stage:
    """Builds the stage in which the decoder learns from the feature maps of a frozen backbone.

    OpenVINO computes those maps, which is several times faster than training.

    Args:
        job: The training.

    Returns:
        The stage.
    """
    # Views are new at every epoch, so features cannot be computed before; OpenVINO is faster at it than Keras
    extractor = open_feature_extractor(job)

    def load_batch(epoch: int, rows: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        views, masks = load_pairs(job.training, job.recipe, epoch, rows)
        return extract_maps(extractor, views), masks

    def predict(images: np.ndarray) -> np.ndarray:
        return predict_with_decoder(job.decoder, extract_maps(extractor, images))

    compile_for_masks(job.decoder, job, job.recipe.mask_learning_rate)
    return Stage(
        name="decoder",
        model=job.decoder,
        epochs=job.recipe.mask_epochs,
        load_batch=load_batch,
        validate=lambda: score_masks(job.validation, predict),
        decides="val_jaccard",
        weights=np.ones(len(job.training), np.float32),
        watched=True,
        views=job.recipe.views,
        cells=balance_drawings(job.training, job.recipe.balance),
    )


def build_whole_stage(job: MaskJob) -> Stage:
    """Builds the stage in which decoder and backbone learn together, its batch norms frozen.

    Args:
        job: The training.

    Returns:
        The stage.
    """
    unfreeze_backbone(job.network)
    model = keras.Model(job.network.feature_extractor.input, job.network.mask_logit)

    def load_batch(epoch: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return load_pairs(job.training, job.recipe, epoch, rows)

    def validate() -> dict[str, float]:
        # Exported anew: the backbone has changed since the last epoch
        graph = to_onnx(model).SerializeToString()
        return score_masks(job.validation, open_predictor(graph, job.precision))

    compile_for_masks(model, job, job.recipe.learning_rate)
    return Stage(
        name="decoder and trunk",
        model=model,
        epochs=job.recipe.mask_epochs,
        load_batch=load_batch,
        validate=validate,
        decides="val_jaccard",
        weights=np.ones(len(job.training), np.float32),
        watched=True,
        views=job.recipe.views,
        cells=balance_drawings(job.training, job.recipe.balance),
    )


def compile_for_masks(model: keras.Model, job: MaskJob, max_rate: float) -> None:
    """Compiles a model for masks; `max_rate` is the rate at the end of the warm-up."""
    recipe = job.recipe
    steps = count_steps(recipe.views or len(job.training), recipe.batch_size)
    rate = plan_rate(recipe, max_rate, recipe.mask_epochs, steps)
    compile_model(model, recipe, rate, recipe.ema, MaskLoss())


def balance_drawings(masks: MaskSet, balance: str) -> list[Cell] | None:
    """The cells that the drawings of a training are drawn from: one a source, by the square root of its size.

    A mask says nothing of the class, so classes are not balanced.

    Args:
        masks: What is learned from.
        balance: Of the recipe.

    Returns:
        Cells, or None where nothing is balanced.

    Raises:
        DataError: A photograph names no source.
    """
    if balance == "none":
        return None
    sources = list_sources(masks)
    return plan_cells(sources, np.zeros(len(sources), int))


def open_feature_extractor(job: MaskJob) -> Session:
    """A session that gives the feature maps that a decoder takes, by the names of its inputs."""
    maps = {f"skip_{skip.shape[1]}": skip for skip in find_skips(job.network)}
    model = keras.Model(job.network.feature_extractor.input, maps)
    return Session(to_onnx(model).SerializeToString(), precision=job.precision)


def extract_maps(extractor: Session, images: np.ndarray) -> list[np.ndarray]:
    """Extracts the feature maps of photographs.

    Args:
        extractor: Gives the maps by name.
        images: uint8 (n, side, side, 3).

    Returns:
        float32 (n, size, size, d) each, the coarsest first.
    """
    maps = extractor.run(images)
    # Sorted by size, as the decoder's inputs are
    return sorted(maps.values(), key=lambda feature_map: feature_map.shape[1])


def load_pairs(masks: MaskSet, recipe: Recipe, epoch: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loads random views of some photographs and of their masks.

    Args:
        masks: The training photographs.
        recipe: Says how views are drawn.
        epoch: From 0; each epoch has views of its own.
        rows: Which photographs, int (n,).

    Returns:
        Views, uint8 (n, side, side, 3), and masks, float32 (n, side, side).
    """
    augmentation = find_augmentation(recipe)
    # Image and mask get the same view: one generator for both
    views = []
    view_masks = []
    images = masks.table["image"].tolist()
    mask_files = masks.table["mask"].tolist()
    for row in rows:
        image = read_image(images[row]).pixels
        mask = read_mask(mask_files[row], SIDE)
        generator = view_generator(recipe.seed, epoch, row)
        if draw_removal(mask, recipe.lesion_removal, generator):
            image = remove_lesion(image, mask)
            mask = np.zeros_like(mask)
        view, view_mask = augment_pair(image, mask, augmentation, generator)
        views.append(view)
        view_masks.append(view_mask)
    if not recipe.mosaic:
        return np.stack(views), np.stack(view_masks)
    # By all rows of the batch: the same batch gets the same mosaics
    generator = view_generator(recipe.seed, epoch, *rows)
    return lay_mosaics(np.stack(views), np.stack(view_masks), recipe.mosaic, generator)


def predict_with_decoder(decoder: keras.Model, maps: list[np.ndarray]) -> np.ndarray:
    """Predicts with a decoder.

    Args:
        decoder: Feature maps to logits.
        maps: As `extract_maps` gives them.

    Returns:
        Logits, float (n, side, side).
    """
    return keras.ops.convert_to_numpy(decoder(maps, training=False))
