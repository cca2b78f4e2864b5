"""Makes the pictures of the README and the site from drawn lesions, with the commands that a user types.

    python bench/pictures.py                       # all of them, into docs/pictures/
    python bench/pictures.py explanation outline   # some

Needs the extras `evaluate` and `serve`; for the page and the audit also Chromium and playwright. What the pictures show
comes from the bundled weights: make them anew when those change, and look at each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tables import make_parser

HOUSE = Path(__file__).parents[1]
PICTURES = HOUSE / "docs" / "pictures"
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-gpu")
WIDTH = 960  # pixels, of the widest picture
QUALITY = 82
PAGE_SIZE = 1100, 860  # width and height in pixels
SYNTHETIC = 40  # lesions of each class, for the audit and the reliability
AUDIT_ROWS = 5.75  # of pairs that the audit of these lesions shows; the first is kept
PATIENCE = 300_000  # milliseconds


def main() -> None:
    """Makes the pictures that are named, or all."""
    parser = make_parser(__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(MAKERS)}; all where none is named")
    options = parser.parse_args()
    unknown = set(options.names) - set(MAKERS)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: no such picture; expected {', '.join(MAKERS)}")
    sys.path.insert(0, str(HOUSE / "docs" / "programs"))
    from page_outputs import make_world

    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        world = Path(folder)
        make_world(world)
        for name in options.names or MAKERS:
            kilobytes = shrink(MAKERS[name](world), PICTURES / f"{name}.webp")
            print(f"docs/pictures/{name}.webp: {kilobytes:.0f} KB")


def make_explanation(world: Path) -> Path:
    """What speaks for malignant in a drawn lesion, and what against."""
    call(world, "explain", "lesion.jpg", "--out", "explained.png")
    return world / "explained.png"


def make_outline(world: Path) -> Path:
    """The outline of the same lesion."""
    call(world, "segment", "lesion.jpg", "--out", "masks")
    return world / "masks" / "lesion_outline.jpg"


def make_reliability(world: Path) -> Path:
    """The reliability figure of an evaluation."""
    call(world, "data", "synth", "--out", "drawn", "--count", SYNTHETIC, "--seed", 1)
    call(world, "evaluate", "bundled", "drawn", "--out", "report.html", "--no-duplicates")
    return next(path for path in world.rglob("reliability.*") if path.suffix in (".png", ".webp", ".svg"))


def make_audit(world: Path) -> Path:
    """The first row of the duplicates of an audit report."""
    call(world, "data", "synth", "--out", "twice", "--count", SYNTHETIC, "--seed", 1)
    call(world, "audit", "twice", "--out", "audit.html")
    picture = photograph_page((world / "audit.html").as_uri(), world / "audit.png", element=".pairs")
    return keep_top(picture, share=1 / AUDIT_ROWS)


def make_page(world: Path) -> Path:
    """The page of the service with an answer."""
    command = [sys.executable, "-m", "lentigo", "serve", "--port", "0", "--json"]
    database = f"sqlite:///{world / 'lentigo.db'}"
    with subprocess.Popen(
        [*command, "--db", database], cwd=world, env=environment(world), stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            address = json.loads(server.stdout.readline())["url"]
            return photograph_page(address, world / "page.png", upload=world / "lesion.jpg")
        finally:
            server.terminate()


MAKERS: dict[str, Callable[[Path], Path]] = {
    "explanation": make_explanation,
    "outline": make_outline,
    "page": make_page,
    "audit": make_audit,
    "reliability": make_reliability,
}


def call(world: Path, *words: object) -> None:
    """Runs a command in a world; one that fails ends the program."""
    command = [sys.executable, "-m", "lentigo", *map(str, words)]
    result = subprocess.run(command, cwd=world, env=environment(world), capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"lentigo {' '.join(map(str, words))}: ended with code {result.returncode}\n{result.stderr}")


def environment(world: Path) -> dict[str, str]:
    """Cache and ledger of a world, beside what the shell has."""
    own = {"LENTIGO_CACHE": str(world / ".cache"), "LENTIGO_LEDGER": str(world / ".ledger.jsonl")}
    return {**os.environ, "PYTHONPATH": str(HOUSE), **own}


def photograph_page(address: str, path: Path, *, element: str = "", upload: Path | None = None) -> Path:
    """A page as a picture: whole, or an element of it, after a photograph was chosen in it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS), timeout=PATIENCE)
        page = browser.new_page(
            viewport={"width": PAGE_SIZE[0], "height": PAGE_SIZE[1]}, device_scale_factor=1.5
        )
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        if upload is not None:
            page.locator("#files").set_input_files(str(upload))
            page.get_by_role("article").wait_for()
            page.wait_for_load_state("networkidle")
        if element:
            page.locator(element).first.screenshot(path=path)
        else:
            page.screenshot(path=path)
        browser.close()
    return path


def keep_top(path: Path, *, share: float) -> Path:
    """Cuts a picture below its first rows."""
    from PIL import Image

    image = Image.open(path)
    image.crop((0, 0, image.width, round(share * image.height))).save(path)
    return path


def shrink(source: Path, target: Path) -> float:
    """Writes a picture as a small WebP; gives its size in kilobytes."""
    from PIL import Image

    if source.suffix == ".svg":
        source = photograph_page(source.as_uri(), source.with_suffix(".png"), element="svg")
    image = Image.open(source).convert("RGB")
    image.thumbnail((WIDTH, 4 * WIDTH), Image.Resampling.LANCZOS)
    image.save(target, "WEBP", quality=QUALITY, method=6)
    return target.stat().st_size / 1000


if __name__ == "__main__":
    main()
