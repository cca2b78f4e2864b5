"""DICOM files are read as the photographs that they hold, and what is no photograph gets one clear line."""

import io
import os
import zlib

import numpy as np
import pydicom
import pytest
from dicom_toys import DERMOSCOPY, draw_pixels, encode, encode_jpeg, make_dataset, wrap_jpeg
from PIL import Image, ImageCms
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from lentigo.common.hashing import hash_readable
from lentigo.errors import ImageError
from lentigo.images.decoding.whole_images import hold_pixels
from lentigo.images.dicom.dicom_files import find_file_spacing
from lentigo.images.dicom.frame_reading import read_frame
from lentigo.images.image_contents import hash_content
from lentigo.images.image_sizes import check_upload, measure_content
from lentigo.images.listing import find_images, list_images
from lentigo.images.photographs import (
    decode_image,
    develop_image,
    read_image,
    try_image,
    view_content,
)
from lentigo.images.problems import Problem

PIXELS = draw_pixels()
GREY = PIXELS[..., 0]
YBR = np.asarray(Image.fromarray(PIXELS).convert("YCbCr"))
MAX_INFLATED = 1 << 20  # bytes, in these tests
LOSSY = 6  # grey levels at most


def read(content, name="toy.dcm"):
    return decode_image(content, name, None)


def encode_as(dataset, syntax, frame):
    """The file of a data set with one compressed frame."""
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].is_undefined_length = True
    return encode(dataset)


@pytest.mark.parametrize(
    "syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian]
)
def test_native_syntaxes(syntax):
    assert np.array_equal(read(encode(make_dataset(PIXELS, syntax))), PIXELS)


def test_big_endian():
    levels = GREY.astype(">u2") * 257
    dataset = make_dataset(GREY.astype(np.uint16), uid.ExplicitVRBigEndian)
    dataset.PixelData = levels.tobytes()
    assert np.array_equal(read(encode(dataset))[..., 0], GREY)


@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless])
@pytest.mark.parametrize(
    "pixels", [PIXELS, GREY, GREY.astype(np.uint16) * 257], ids=["rgb", "grey", "16 bit"]
)
def test_lossless_compression(syntax, pixels):
    dataset = make_dataset(pixels)
    dataset.compress(syntax, generate_instance_uid=False)
    expected = pixels if pixels.ndim == 3 else np.repeat(GREY[..., None], 3, axis=-1)
    assert np.array_equal(read(encode(dataset)), expected)


@pytest.mark.parametrize("syntax", [uid.JPEGLSNearLossless, uid.JPEG2000])
def test_lossy_compression(syntax):
    options = {"jls_error": 2} if syntax == uid.JPEGLSNearLossless else {"j2k_cr": [4]}
    dataset = make_dataset(PIXELS)
    dataset.compress(syntax, generate_instance_uid=False, **options)
    assert np.abs(read(encode(dataset)).astype(int) - PIXELS).max() <= LOSSY


@pytest.mark.parametrize("syntax", [uid.JPEGLossless, uid.JPEGLosslessSV1])
@pytest.mark.parametrize(
    "pixels", [PIXELS, GREY, GREY.astype(np.uint16) * 257], ids=["rgb", "grey", "16 bit"]
)
def test_lossless_jpeg(syntax, pixels):
    imagecodecs = pytest.importorskip("imagecodecs")
    if pixels.ndim == 3:
        frame = imagecodecs.jpeg_encode(pixels, lossless=True, colorspace="RGB", outcolorspace="RGB")
    else:
        frame = imagecodecs.ljpeg_encode(pixels)
    expected = pixels if pixels.ndim == 3 else np.repeat(GREY[..., None], 3, axis=-1)
    assert np.array_equal(read(encode_as(make_dataset(pixels), syntax, frame)), expected)


def test_jpeg_of_twelve_bits():
    imagecodecs = pytest.importorskip("imagecodecs")
    levels = GREY.astype(np.uint16) * 16
    frame = imagecodecs.jpeg_encode(levels, level=98, bitspersample=12)
    dataset = make_dataset(levels, stored=12)
    assert (
        np.abs(read(encode_as(dataset, uid.JPEGExtended12Bit, frame))[..., 0].astype(int) - GREY).max() <= 3
    )


def test_baseline_jpeg_equals_the_same_jpeg():
    jpeg = encode_jpeg(PIXELS)
    assert np.array_equal(read(wrap_jpeg(jpeg)), decode_image(jpeg, "toy.jpg", None))
    assert np.array_equal(decode_image(wrap_jpeg(jpeg), "toy.dcm", 16), decode_image(jpeg, "toy.jpg", 16))


def test_baseline_jpeg_of_rgb_without_a_note_of_it():
    jpeg = encode_jpeg(PIXELS, keep_rgb=True)
    start = jpeg.index(b"\xff\xee")
    length = int.from_bytes(jpeg[start + 2 : start + 4], "big")
    bare = jpeg[:start] + jpeg[start + 2 + length :]
    shown = read(wrap_jpeg(bare, PhotometricInterpretation="RGB"))
    assert np.abs(shown.astype(int) - PIXELS).max() <= LOSSY


def test_turning_by_exif_within_is_not_dicoms():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read(wrap_jpeg(encode_jpeg(PIXELS, exif=exif))).shape == PIXELS.shape


def test_luminance_and_chrominance():
    dataset = make_dataset(YBR, PhotometricInterpretation="YBR_FULL")
    assert np.abs(read(encode(dataset)).astype(int) - PIXELS).max() <= 4


def test_chrominance_shared_by_two_pixels():
    pairs = YBR.reshape(-1, 2, 3)
    packed = np.stack([pairs[:, 0, 0], pairs[:, 1, 0], pairs[:, 0, 1], pairs[:, 0, 2]], axis=-1)
    dataset = make_dataset(YBR, PhotometricInterpretation="YBR_FULL_422")
    dataset.PixelData = packed.tobytes()
    assert np.abs(read(encode(dataset)).astype(int) - PIXELS).max() <= 8


def test_planes():
    dataset = make_dataset(PIXELS, PlanarConfiguration=1)
    dataset.PixelData = PIXELS.transpose(2, 0, 1).tobytes()
    assert np.array_equal(read(encode(dataset)), PIXELS)


def test_monochrome1_is_inverted():
    dataset = make_dataset(GREY, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(read(encode(dataset))[..., 0], 255 - GREY)


def test_a_window_of_sixteen_bits():
    levels = (GREY.astype(np.uint16) * 4) + 1000
    dataset = make_dataset(levels, WindowCenter=1510.5, WindowWidth=1021)
    assert np.abs(read(encode(dataset))[..., 0].astype(int) - GREY).max() <= 1


def test_signed_levels_are_rescaled():
    levels = GREY.astype(np.int16) - 1024
    dataset = make_dataset(
        levels, RescaleSlope=1, RescaleIntercept=1024, WindowCenter=[128, 40], WindowWidth=[256, 80]
    )
    assert np.abs(read(encode(dataset))[..., 0].astype(int) - GREY).max() <= 1


@pytest.mark.parametrize("name", ["RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth"])
def test_a_number_that_no_grey_level_reaches_is_named(name):
    numbers = {"WindowCenter": 128, "WindowWidth": 256} | {name: 1e38}
    with pytest.raises(ImageError, match=f"damaged .*{name} is 1e[+]38"):
        read(encode(make_dataset(GREY, **numbers)))


def test_colours_of_a_palette():
    indices = (GREY // 32).astype(np.uint8)
    dataset = make_dataset(indices, PhotometricInterpretation="PALETTE COLOR")
    table = np.arange(8, dtype=np.uint16) * 8192
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [8, 0, 16])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", table.tobytes())
    assert np.array_equal(read(encode(dataset))[..., 1], (table >> 8).astype(np.uint8)[indices])


def test_a_colour_profile_is_applied():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    dataset = make_dataset(PIXELS, ICCProfile=profile.tobytes())
    assert np.array_equal(read(encode(dataset)), PIXELS)  # of another space: left as it is
    with Image.open(io.BytesIO(encode_jpeg(PIXELS))) as plain:
        assert "icc_profile" not in plain.info


def test_frames_have_names(tmp_path):
    frames = np.stack([PIXELS, 255 - PIXELS])
    path = tmp_path / "two.dcm"
    path.write_bytes(encode(make_dataset(frames, frames=2)))
    assert [str(image) for image in find_images(path)] == [f"{path}#1", f"{path}#2"]
    assert [str(image) for image in list_images([tmp_path])] == [f"{path}#1", f"{path}#2"]
    first, second = read_image(f"{path}#1", None), read_image(f"{path}#2", None)
    assert np.array_equal(second.pixels, 255 - PIXELS) and first.digest != second.digest
    assert "no such frame" in try_image(f"{path}#3").error
    assert "#1 to #2" in try_image(path).error


def write_frames(kind, path):
    """A file of three frames, brighter from one to the next, with attributes of each frame."""
    frames = np.stack([PIXELS // 2, PIXELS // 2 + 40, PIXELS // 2 + 80])
    syntaxes = {"implicit": uid.ImplicitVRLittleEndian, "big endian": uid.ExplicitVRBigEndian}
    dataset = make_dataset(frames, syntaxes.get(kind, uid.ExplicitVRLittleEndian), frames=3)
    jpegs = [encode_jpeg(frame) for frame in frames]
    if kind in ("a fragment each", "split fragments"):
        size = 2 if kind == "split fragments" else 1
        dataset.PhotometricInterpretation = "YBR_FULL_422"
        dataset.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
        dataset.PixelData = encapsulate(jpegs, fragments_per_frame=size)
        dataset["PixelData"].is_undefined_length = True
    elif kind == "run lengths":
        dataset.compress(uid.RLELossless, generate_instance_uid=False)
    place = Dataset()
    place.FrameComments = "one of three"
    dataset.PerFrameFunctionalGroupsSequence = Sequence([place] * 3)
    path.write_bytes(encode(dataset))


FRAMED = ["explicit", "implicit", "big endian", "a fragment each", "split fragments", "run lengths"]


@pytest.mark.parametrize("kind", FRAMED)
def test_a_frame_is_read_alone_and_is_the_same(kind, tmp_path):
    path = tmp_path / "film.dcm"
    write_frames(kind, path)
    content = path.read_bytes()
    for number in (1, 2, 3):
        name = f"{path}#{number}"
        excerpt = read_frame(name)
        assert excerpt is not None and len(excerpt) < 0.6 * len(content)
        assert np.array_equal(read(excerpt, name), read(content, name))
        frame = read_image(name, None)
        assert frame.digest == hash_readable(name) == hash_content(content, name)


def test_frames_of_a_file_that_changes_are_found_anew(tmp_path):
    path = tmp_path / "film.dcm"
    for pixels in (PIXELS, 255 - PIXELS):
        path.unlink(missing_ok=True)
        path.write_bytes(encode(make_dataset(np.stack([pixels, pixels]), frames=2)))
        os.utime(path, ns=(0, int(pixels[0, 0, 0])))
        assert np.array_equal(read_image(f"{path}#2", None).pixels, pixels)


def test_frames_that_cannot_be_found_are_read_with_their_whole_file(tmp_path):
    """Two frames in three fragments, and no table that says where the second begins."""
    path = tmp_path / "film.dcm"
    first, second = encode_jpeg(PIXELS), encode_jpeg(255 - PIXELS)
    half = len(second) // 2 // 2 * 2
    dataset = pydicom.dcmread(io.BytesIO(wrap_jpeg(first, second)))
    dataset.PixelData = encapsulate([first, second[:half], second[half:]], has_bot=False)
    path.write_bytes(encode(dataset))
    assert read_frame(f"{path}#2") is None
    assert np.abs(read_image(f"{path}#2", None).pixels.astype(int) - (255 - PIXELS)).max() <= LOSSY


def test_a_frame_beyond_the_last_is_one_line(tmp_path):
    write_frames("explicit", tmp_path / "film.dcm")
    assert "the file holds 3" in try_image(f"{tmp_path / 'film.dcm'}#4").error


def test_compressed_frames():
    content = wrap_jpeg(encode_jpeg(PIXELS), encode_jpeg(255 - PIXELS))
    assert np.abs(read(content, "toy.dcm#2").astype(int) - (255 - PIXELS)).max() <= LOSSY


def test_folders_without_suffixes_and_a_dicomdir(tmp_path):
    from pydicom.fileset import FileSet

    source = tmp_path / "source"
    source.mkdir()
    dated = {"StudyDate": "20260101", "StudyTime": "120000", "StudyID": "1"}
    (source / "IM000001").write_bytes(encode(make_dataset(PIXELS, **dated)))
    (source / "1.2.840.7").write_bytes(encode(make_dataset(PIXELS, **dated)))
    (source / "notes").write_text("no image")
    assert [image.name for image in find_images(source)] == ["1.2.840.7", "IM000001"]
    files = FileSet()
    for image in find_images(source):
        files.add(image)
    files.write(tmp_path / "disk")
    files._stage["t"].cleanup()  # else pydicom warns when it is collected
    assert len(find_images(tmp_path / "disk" / "DICOMDIR")) == 2
    assert len(find_images(tmp_path / "disk")) == 2, list((tmp_path / "disk").rglob("*"))


def test_a_dicomdir_that_lists_itself_others_and_a_file_often_ends(tmp_path):
    (tmp_path / "IM1").write_bytes(encode(make_dataset(PIXELS)))
    (tmp_path / "SUB").mkdir()
    names = [["DICOMDIR"], ["SUB", "DICOMDIR"], ["IM1"], ["IM1"], ["..", "outside"]]
    directory = make_dataset(PIXELS, SOPClassUID="1.2.840.10008.1.3.10")
    del directory.PixelData
    records = []
    for name in names:
        record = pydicom.Dataset()
        record.ReferencedFileID = name
        records.append(record)
    directory.DirectoryRecordSequence = records
    for folder in (tmp_path, tmp_path / "SUB"):
        (folder / "DICOMDIR").write_bytes(encode(directory))
    assert [image.name for image in find_images(tmp_path / "DICOMDIR")] == ["IM1"]


def test_quotation_marks_inside_values_are_noted():
    dataset = make_dataset(PIXELS, Modality='"DMS"', PatientID='"P-17"')
    dataset.SOPInstanceUID = '"1.2.3"'
    image = develop_image(encode(dataset), "toy.dcm", 16)
    assert image.notes == (
        "DICOM: quotation marks inside SOPInstanceUID, PatientID, Modality; read without them",
    )
    assert "P-17" not in image.notes[0]


def test_every_door_opens_dicom():
    content = encode(make_dataset(PIXELS))
    from lentigo.images.decoding.decode_costs import DecodeLimits

    assert check_upload(content, "toy.dcm", DecodeLimits()) == (64, 48)
    assert measure_content(content, "toy.dcm") == (64, 48)
    view, size = view_content(content, "toy.dcm", 1000)
    assert view.shape[0] * view.shape[1] <= 1100 and size == (64, 48)
    with hold_pixels(content, "toy.dcm") as pixels:
        assert np.array_equal(pixels, PIXELS)


def test_pixel_spacing(tmp_path):
    path = tmp_path / "scaled.dcm"
    path.write_bytes(encode(make_dataset(PIXELS, PixelSpacing=[0.02, 0.02])))
    assert find_file_spacing(path) == pytest.approx(0.02)
    path.write_bytes(encode(make_dataset(PIXELS)))
    assert find_file_spacing(path) is None


def truncate(content):
    return content[: len(content) - 3000]


def bomb_of_frames():
    return encode(make_dataset(PIXELS, NumberOfFrames=2_000_000_000))


def bomb_of_dimensions():
    dataset = make_dataset(PIXELS)
    dataset.Rows = dataset.Columns = 65535
    return encode(dataset)


def deflated_bomb():
    dataset = make_dataset(PIXELS, uid.DeflatedExplicitVRLittleEndian)
    content = encode(dataset)
    from lentigo.images.dicom.dicom_attributes import find_meta_end

    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    zeros = packer.compress(bytes(MAX_INFLATED + 1))
    return content[: find_meta_end(content)] + zeros + packer.flush()


def unknown_syntax():
    dataset = make_dataset(PIXELS)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"
    dataset.PixelData = encapsulate([b"film"])
    dataset["PixelData"].is_undefined_length = True
    return encode(dataset)


def without_pixels(**attributes):
    dataset = make_dataset(PIXELS, **attributes)
    del dataset.PixelData
    return encode(dataset)


def encrypted():
    item = Dataset()
    item.EncryptedContentTransferSyntaxUID = uid.ExplicitVRLittleEndian
    item.EncryptedContent = b"12345678"
    return without_pixels(EncryptedAttributesSequence=Sequence([item]))


def pdf():
    dataset = make_dataset(PIXELS)
    del dataset.PixelData
    dataset.SOPClassUID = uid.EncapsulatedPDFStorage
    dataset.EncapsulatedDocument = b"%PDF-1.4"
    return encode(dataset)


BAD = {
    "truncated": (lambda: truncate(encode(make_dataset(PIXELS))), "truncated"),
    "truncated jpeg": (lambda: truncate(wrap_jpeg(encode_jpeg(draw_pixels(480, 640)))), "truncated"),
    "header alone": (lambda: encode(make_dataset(PIXELS))[:300], "DICOM"),
    "encrypted": (encrypted, "an encrypted DICOM"),
    "unknown syntax": (unknown_syntax, "1.2.840.10008.1.2.4.100"),
    "no pixels": (without_pixels, "without pixels"),
    "frames": (bomb_of_frames, "2000000000 frames"),
    "dimensions": (bomb_of_dimensions, "million pixels"),
    "deflated": (deflated_bomb, "inflates"),
    "pdf": (pdf, "a PDF in DICOM"),
    "private class": (lambda: without_pixels(SOPClassUID="1.3.12.2.1107.5.9.1"), "without pixels"),
    "photometric": (
        lambda: encode(make_dataset(PIXELS, PhotometricInterpretation="CMYK")),
        "photometric interpretation",
    ),
    "samples": (lambda: encode(make_dataset(GREY, PhotometricInterpretation="RGB")), "contradict"),
    "segmentation": (lambda: encode(make_dataset(GREY, SOPClassUID=uid.SegmentationStorage)), "segmentation"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_one_line(case, monkeypatch):
    monkeypatch.setattr("lentigo.images.dicom.dicom_attributes.MAX_INFLATED_BYTES", MAX_INFLATED)
    make, words = BAD[case]
    with pytest.raises(ImageError) as caught:
        read(make())
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert "P-17" not in str(caught.value) and "Doe" not in str(caught.value)


def test_a_wrong_character_set_keeps_no_image_back():
    content = encode(make_dataset(PIXELS, SpecificCharacterSet="ISO_IR 100"))
    assert np.array_equal(read(content.replace(b"ISO_IR 100", b"ISO_IR 999")), PIXELS)


def test_a_private_class_with_pixels_is_read_with_a_note():
    image = develop_image(encode(make_dataset(PIXELS, SOPClassUID="1.3.12.2.1107.5.9.1")), "toy.dcm")
    assert "private SOP class" in image.notes[0]


def test_a_bad_file_does_not_keep_others_back(tmp_path):
    (tmp_path / "a.dcm").write_bytes(encode(make_dataset(PIXELS)))
    (tmp_path / "b.dcm").write_bytes(pdf())
    answers = [try_image(image) for image in list_images([tmp_path])]
    assert [isinstance(answer, Problem) for answer in answers] == [False, True]


def test_damage_anywhere_is_an_error_of_its_file_or_none(tmp_path):
    contents = [encode(make_dataset(PIXELS)), wrap_jpeg(encode_jpeg(PIXELS))]
    rng = np.random.default_rng(0)
    for content in contents:
        for _ in range(60):
            damaged = bytearray(content)
            for place in rng.integers(132, len(content), 8):
                damaged[place] = rng.integers(256)
            try:
                assert read(bytes(damaged)).dtype == np.uint8
            except ImageError as error:
                assert "\n" not in str(error)


def test_the_class_is_dermoscopy():
    assert pydicom.uid.UID(DERMOSCOPY).name == "Dermoscopic Photography Image Storage"
