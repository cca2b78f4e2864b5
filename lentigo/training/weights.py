"""Where a backbone's weights are to be had: a folder of files, else Keras' own."""

from __future__ import annotations

from pathlib import Path

from lentigo.errors import ModelError, UsageError
from lentigo.models.networks.backbones import Backbone


def find_weights(backbone: Backbone, folder: str | Path | None) -> str | Path:
    """The file `NAME*.h5` of a folder, whatever the case, else "imagenet": Keras' cache, or its download.

    Raises `ModelError` where several files fit, `UsageError` where there is no such folder.
    """
    if folder is None:
        return "imagenet"
    if not Path(folder).is_dir():
        raise UsageError(
            f"{folder}: no such folder; expected one with weight files such as {backbone.name}.weights.h5"
        )
    found = sorted(
        path
        for path in Path(folder).iterdir()
        if path.suffix == ".h5" and path.name.lower().startswith(backbone.name)
    )
    if len(found) > 1:
        raise ModelError(
            f"{folder}: {', '.join(path.name for path in found)} are all for {backbone.name}; expected one: "
            "move the others away"
        )
    return found[0] if found else "imagenet"
