"""Features in the cache on disk.

A shard holds some photographs' features under the hashes of their files, in a folder named after everything
else that decides them: backbone, weights, preprocessing, precision. A changed photograph is simply not found.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lentigo.common.cache import keep_in_cache, list_cache, read_from_cache, remove_from_cache
from lentigo.common.hashing import hash_bytes
from lentigo.common.user_folders import cache_folder
from lentigo.images.photographs import SIDE
from lentigo.images.problems import Problem
from lentigo.models.compilation import fastest_precision
from lentigo.models.networks.network import Network, hash_weights

SHARD_SUFFIX = ".sealed"  # of a file with the features of some photographs
LIST_SUFFIX = ".photographs"  # of the file beside it that lists the hashes of these photographs
SHARD_IMAGES = 1024  # what a killed extraction loses at most
# Of a photograph: the hash of its file and its features, float32 (d,); or why it cannot be read.
Extracted = tuple[str, np.ndarray] | Problem


def features_folder(network: Network, fp32: bool) -> Path:
    """Names the cache folder of one feature extractor at one precision.

    Args:
        network: Its backbone, weights and preprocessing decide the folder.
        fp32: Whether features are computed in fp32.

    Returns:
        The folder, which may not exist yet.
    """
    # Another precision gives other features, so it has another folder
    precision = "f32" if fp32 else fastest_precision()
    key = hash_bytes(hash_weights(network).encode(), precision.encode(), str(SIDE).encode())
    return cache_folder() / "features" / key[:32]


def gather_shards(
    extracted: Iterable[Extracted], folder: Path, cached: dict[str, np.ndarray]
) -> list[Problem]:
    """Adds features to `cached`, by the hash of their file, and writes a shard each time one is full; gives
    what could not be read.

    Args:
        extracted: Of photographs, as they come.
        folder: Of the cache.
        cached: By the hash of their file; it is added to.

    Returns:
        The photographs that could not be read.
    """
    problems: list[Problem] = []
    shard: dict[str, np.ndarray] = {}
    for item in extracted:
        if isinstance(item, Problem):
            problems.append(item)
            continue
        digest, features = item
        shard[digest] = features
        if len(shard) == SHARD_IMAGES:
            keep_shard(folder, shard, cached)
            shard = {}
    if shard:
        keep_shard(folder, shard, cached)
    return problems


def keep_shard(folder: Path, shard: dict[str, np.ndarray], cached: dict[str, np.ndarray]) -> None:
    """Writes a shard and the list of its photographs, both under the hash of that list, and adds it to what is
    cached.
    """
    cached.update(shard)
    listed = "\n".join(shard).encode()
    content = io.BytesIO()
    np.save(content, np.stack(list(shard.values())))
    path = folder / f"{hash_bytes(listed)[:16]}{SHARD_SUFFIX}"
    # The list comes last: a shard without its list is never read.
    if keep_in_cache(path, content.getvalue()):
        keep_in_cache(path.with_suffix(LIST_SUFFIX), listed)


def load_shards(folder: Path, wanted: set[str]) -> dict[str, np.ndarray]:
    """The features of some photographs, by the hash of their files, as far as a cache folder has them.

    Of a shard that holds none of them only the list of its photographs is read: a cache grows with every data
    set. A shard that is torn or foreign is removed, to be computed again.

    Args:
        folder: Of the cache.
        wanted: Hashes of files.
    """
    cached: dict[str, np.ndarray] = {}
    for path in list_cache(folder, LIST_SUFFIX):
        listed = read_from_cache(path)
        digests = [] if listed is None else listed.decode().split()
        # A shard whose photographs nobody wants is not even opened
        if wanted.isdisjoint(digests):
            continue
        values = read_values(path.with_suffix(SHARD_SUFFIX))
        # The list and its shard disagree: neither can be trusted
        if values is None or len(values) != len(digests):
            remove_from_cache(path)
            continue
        for digest, row in zip(digests, values, strict=True):
            if digest in wanted:
                cached[digest] = row
    return cached


def read_values(path: Path) -> np.ndarray | None:
    """The features of a shard, float32 (n, d); None where they are not there any more, or not as they were
    kept.
    """
    content = read_from_cache(path)
    if content is None:
        return None
    try:
        return np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError):
        remove_from_cache(path)
        return None
