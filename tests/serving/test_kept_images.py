"""Kept photographs: pixels and nothing else of what cameras and programs write into files."""

import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from lentigo.common.hashing import hash_file
from lentigo.errors import DataError, ImageError, SpaceError
from lentigo.images.synthetic_lesions import draw_synthetic_lesion
from lentigo.serving.store.kept_images import ImageFolder

NAME = "a1" * 32
MARK = "Jane-Roe-1931"  # in everything that is not pixels
XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{MARK}</rdf:RDF></x:xmpmeta>'.encode()
TALL = (90, 140)  # upright


def draw():
    """A synthetic lesion that stands upright: width 90, height 140."""
    return Image.fromarray(draw_synthetic_lesion("malignant", seed=3).image).resize(TALL)


def make_exif(orientation=1):
    """What a phone writes: who, where, when, with what, how it was held, and a thumbnail."""
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x0110], exif[0x0112], exif[0x9C9C] = (
        MARK,
        MARK,
        MARK,
        orientation,
        MARK.encode("utf-16-le"),
    )
    place = exif.get_ifd(0x8825)
    place[1], place[2], place[3], place[4], place[29] = "N", (47.0, 22.0, 40.0), "E", (8.0, 32.0, 27.0), MARK
    details = exif.get_ifd(0x8769)
    details[0x9003], details[0xA431], details[0x9286] = "2026:01:31 12:00:00", MARK, MARK.encode()
    return exif


def make_profile():
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    return bytes(profile).replace(b"sRGB built-in", MARK.encode())


def encode(image, kind, **more):
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def make_png():
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", MARK)
    texts.add_text("Author", MARK, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return encode(draw(), "PNG", pnginfo=texts, exif=make_exif(), icc_profile=make_profile())


def make_tiff():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270], tags[315], tags[700] = MARK, MARK, XMP
    return encode(draw(), "TIFF", tiffinfo=tags)


def make_jpeg():
    return (
        encode(
            draw(),
            "JPEG",
            quality=95,
            exif=make_exif(),
            xmp=XMP,
            comment=MARK.encode(),
            icc_profile=make_profile(),
        )
        + MARK.encode()
    )


FILES = {
    "jpeg": make_jpeg, "png": make_png, "tiff": make_tiff,
    "webp": lambda: encode(draw(), "WEBP", quality=95, exif=make_exif(), xmp=XMP, icc_profile=make_profile()),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    return ImageFolder(tmp_path / "kept")


@pytest.mark.parametrize("kind", FILES)
def test_nothing_is_kept_but_pixels(folder, kind):
    content = FILES[kind]()
    assert content.count(MARK.encode()) >= 2
    folder.keep(NAME, content)
    kept = folder.get(NAME)
    assert MARK.encode() not in kept and MARK.encode("utf-16-le") not in kept
    image = Image.open(io.BytesIO(kept))
    assert dict(image.getexif()) == {} and set(image.info) <= {
        "jfif",
        "jfif_version",
        "jfif_unit",
        "jfif_density",
    }
    assert [name for name, _ in image.applist] == ["APP0"]  # JFIF alone
    difference = np.abs(np.asarray(image, float) - np.asarray(draw(), float))
    assert image.size == TALL and difference.mean() < 3


def test_a_photograph_that_was_held_sideways_is_kept_upright(folder):
    lying = draw().transpose(Image.Transpose.ROTATE_90)
    folder.keep(NAME, encode(lying, "JPEG", quality=95, exif=make_exif(orientation=6)))
    image = Image.open(io.BytesIO(folder.get(NAME)))
    assert image.size == TALL and np.abs(np.asarray(image, float) - np.asarray(draw(), float)).mean() < 3


def test_a_photograph_is_kept_once_and_removed_once(folder):
    assert folder.get(NAME) is None and folder.remove(NAME) is False
    folder.keep(NAME, make_png())
    first = folder.get(NAME)
    folder.keep(NAME, b"")
    assert folder.get(NAME) == first
    assert folder.remove(NAME) is True and folder.remove(NAME) is False and folder.get(NAME) is None


def test_threads_that_keep_the_same_photograph_leave_one_file(folder):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: folder.keep(NAME, FILES["jpeg"]()), range(16)))
    assert [path.name for path in folder.folder.iterdir()] == [f"{NAME}.jpg"]


def test_kept_photographs_are_for_their_owner_alone(folder):
    folder.keep(NAME, make_png())
    assert [oct(path.stat().st_mode)[-3:] for path in (folder.folder, *folder.folder.iterdir())] == [
        "700",
        "600",
    ]


def test_what_is_no_photograph_is_an_error_and_leaves_no_file(folder):
    for content in (b"", b"no photograph", make_png()[:-500]):
        with pytest.raises(ImageError):
            folder.keep(NAME, content)
    assert not folder.folder.exists() or list(folder.folder.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "A1" * 32, "a1" * 32 + "\n", "a1" * 31, "é" * 64, "\0" * 64]
)
def test_a_name_cannot_choose_a_path(folder, name):
    for call in (folder.get, folder.remove, lambda name: folder.keep(name, make_png())):
        with pytest.raises(DataError, match="expected the 64 hexadecimal digits"):
            call(name)


def test_a_disk_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpaceError, match="could not be written"):
        ImageFolder(tmp_path / "file" / "kept").keep(NAME, make_png())


def test_real_photographs_lose_what_their_cameras_wrote(folder, photographs):
    paths = sorted(path for path in photographs.rglob("*.jpg") if b"Exif" in path.read_bytes()[:65536])[:20]
    for path in paths:
        name = hash_file(path)
        folder.keep(name, path.read_bytes())
        kept = folder.get(name)
        assert (
            b"Exif" not in kept and b"http" not in kept and dict(Image.open(io.BytesIO(kept)).getexif()) == {}
        )
    assert len(os.listdir(folder.folder)) == len({hash_file(path) for path in paths}) if paths else True


def test_a_photograph_that_no_record_names_is_a_stray_however_young(tmp_path):
    folder = ImageFolder(tmp_path)
    folder.keep(NAME, encode_plain())
    os.utime(tmp_path / f"{NAME}.jpg", (2**32, 2**32))  # a clock that had jumped
    assert folder.find_strays(set()) == [NAME] and folder.find_strays({NAME}) == []
    assert ImageFolder(tmp_path / "none").find_strays(set()) == []


def test_a_part_that_a_kill_left_is_removed(tmp_path):
    folder = ImageFolder(tmp_path)
    folder.keep(NAME, encode_plain())
    (tmp_path / f".{NAME}.123-456.part.jpg").write_bytes(b"half a photograph")
    with folder.try_sharing():
        folder.tidy()
    assert len(list(tmp_path.glob(".*part*"))) == 1  # it may be what somebody writes
    assert folder.remove_parts() == (1, [])
    assert folder.get(NAME) and list(tmp_path.glob(".*part*")) == []


def test_who_forgets_waits_until_nothing_is_being_kept(tmp_path):
    folder = ImageFolder(tmp_path)
    with (
        folder.try_sharing(),
        folder.try_sharing(),
        pytest.raises(SpaceError, match="call again"),
        folder.lock_alone(max_seconds=0.05),
    ):
        pass
    with folder.lock_alone():
        assert folder.try_sharing() is None
    folder.try_sharing().close()


def test_who_waits_to_be_alone_goes_before_those_who_come_later(tmp_path):
    folder, alone = ImageFolder(tmp_path), threading.Event()

    def forget():
        with folder.lock_alone():
            alone.set()

    with folder.try_sharing():
        thread = threading.Thread(target=forget)
        thread.start()
        while (lock := folder.try_sharing()) is not None:  # until the thread has the gate
            lock.close()
        assert not alone.is_set()
    assert alone.wait(30)
    thread.join()


def encode_plain():
    """A synthetic lesion as PNG."""
    file = io.BytesIO()
    draw().save(file, "PNG")
    return file.getvalue()
