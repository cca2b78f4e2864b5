"""How a camera sees a synthetic lesion: where the pixels lie on it, and in which light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lentigo.images.artefacts.drawn_artefacts import grid

TEXTURE = 256  # texels along the side of a noise texture
REACH = 1.8  # image widths that a texture spans


@dataclass(frozen=True)
class CameraView:
    """Where the pixels of one photograph lie on the lesion; arrays are (S, S) float32."""

    x: np.ndarray  # image widths from the lesion's centre, along its own axes
    y: np.ndarray
    distance: np.ndarray  # image widths
    angle: np.ndarray  # radians, 0 to 2 pi
    to_texture: np.ndarray  # (2, 3): pixel to texel

    def see(self, texture: np.ndarray) -> np.ndarray:
        """Shows a texture that lies on the skin.

        Args:
            texture: Float32 (TEXTURE, TEXTURE).

        Returns:
            The texture as this photograph shows it, (S, S).
        """
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(
            texture, self.to_texture, self.x.shape[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT
        )


def draw_view(rng: np.random.Generator, size: int) -> CameraView:
    """Draws a camera's place: how it is turned, how near, and how far off the lesion's centre.

    Args:
        rng: Of the photograph.
        size: Pixels along its side.
    """
    turn = rng.uniform(0, 2 * np.pi)  # radians
    zoom = rng.uniform(0.9, 1.1)
    shift = rng.uniform(-0.06, 0.06, 2)  # image widths
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    axes = rotation / zoom
    offset = -axes @ (0.5 + shift)  # so that the lesion's centre shows at 0.5 + shift image widths
    y, x = grid(size)
    # In float32 from here on: half the time of float64, and finer than a pixel
    axes32 = axes.astype(np.float32)
    offset32 = offset.astype(np.float32)
    across = axes32[0, 0] * x + axes32[0, 1] * y + offset32[0]
    down = axes32[1, 0] * x + axes32[1, 1] * y + offset32[1]
    distance, angle = cv2.cartToPolar(across, down)
    texels = TEXTURE / REACH  # of an image width
    to_texture = np.column_stack([axes * texels / size, offset * texels + TEXTURE / 2])
    return CameraView(across, down, distance, angle, to_texture)


def draw_noise(rng: np.random.Generator, cells: int, octaves: int = 1) -> np.ndarray:
    """Draws a texture of smooth noise with mean 0.

    Args:
        rng: What it is drawn from.
        cells: The largest details have 1 / `cells` of the texture's side.
        octaves: Each is finer than the one before by half, and weaker.

    Returns:
        Float32 (TEXTURE, TEXTURE).
    """
    texture = rng.standard_normal((cells, cells), np.float32)
    for octave in range(1, octaves):
        side = cells * 2**octave
        coarser: np.ndarray = cv2.resize(texture, (side, side), interpolation=cv2.INTER_CUBIC)
        finer = rng.standard_normal((side, side), np.float32) * np.float32(0.6**octave)
        texture = coarser + finer
    return cv2.resize(texture, (TEXTURE, TEXTURE), interpolation=cv2.INTER_CUBIC)


def add_light(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Adds uneven light, a vignette, and a camera with a white balance of its own.

    Args:
        image: RGB in even light, float32 (3, S, S).
        rng: Of the photograph.

    Returns:
        The same with light.
    """
    y, x = grid(image.shape[1]) - np.float32(0.5)
    slope = rng.uniform(-0.16, 0.16, 2).astype(np.float32)
    vignette = np.float32(rng.uniform(0, 0.5)) * (x * x + y * y)
    light = 1 + slope[0] * x + slope[1] * y - vignette
    exposure = rng.uniform(0.92, 1.08)
    white_balance = 1 + rng.normal(0, (0.02, 0.035, 0.06))  # blue is least certain, as in cameras
    channels = (exposure * white_balance).astype(np.float32)
    return image * light * channels.reshape(3, 1, 1)
