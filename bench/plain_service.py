"""The service that people write first, as the yardstick of bench/service.py: FastAPI and Keras, the model
loaded once, `model.predict` on one photograph a request.

It decodes, resizes and scores; it records nothing, measures nothing and checks nothing. Run by
bench/service.py; by itself:

    python bench/plain_service.py runs/first 8001
"""

from __future__ import annotations

import io
import math
import os
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image
from tables import make_parser

SIDE = 224


def main() -> None:
    """Serves until the process is ended."""
    parser = make_parser(__doc__)
    parser.add_argument("run")
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    uvicorn.run(make_app(load_model(options.run)), port=options.port, log_level="error")


def load_model(run: str) -> Any:
    """A RUN's model.keras, photograph to logit; where it has none the same network with random weights: as
    fast, and as large.
    """
    from lentigo.models.bundle import CLASSIFIER, find_bundle
    from lentigo.models.networks.backbones import find_backbone
    from lentigo.models.networks.network import build_network, open_network

    bundle = find_bundle(run)
    backbone = find_backbone(bundle.card["backbone"])
    file = bundle.folder / CLASSIFIER
    if file.is_file():
        return open_network(file, backbone).classifier
    return build_network(backbone, "none").classifier


def make_app(model: Any) -> FastAPI:
    """One route. A plain function: FastAPI runs it in its thread pool."""
    app = FastAPI()

    @app.post("/v1/predictions")
    def predict(photos: UploadFile) -> dict[str, float]:
        pixels = np.asarray(
            Image.open(io.BytesIO(photos.file.read())).convert("RGB").resize((SIDE, SIDE)), np.float32
        )
        logit = float(model.predict(pixels[None], verbose=0)[0, 0])
        return {"probability": 1 / (1 + math.exp(-logit))}

    @app.get("/healthz")
    def show_health() -> dict[str, str]:
        return {"status": "ok"}

    return app


if __name__ == "__main__":
    main()
