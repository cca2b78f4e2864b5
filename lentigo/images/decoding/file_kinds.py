"""What a file is that is no photograph: named by its first bytes, with the cure."""

from __future__ import annotations

from dataclasses import dataclass

from lentigo.errors import tell_install
from lentigo.images.decoding.jpeg_segments import list_segments

EXPECTED = "expected JPEG, PNG, TIFF, WebP or BMP"
AGAIN = "copy it again from its source"
AGAIN_OR_JPEG = "copy it again from its source, or save it as JPEG"
DOWNLOAD_AGAIN = "download it again, signed in where that is needed"
HEAD_BYTES = 1024  # in which a text shows what it is
SAMPLE_BYTES = 4096  # of a file that are tried as text
MAX_LETTER_BYTES = 4  # of UTF-8


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Args:
        mark: The bytes by which it is known.
        words: What it is called.
        cure: What to do.
        place: Of the mark in the file.
    """

    mark: bytes
    words: str
    cure: str
    place: int = 0


DICOM_CURE = "install the extra `dicom`, or save its picture as JPEG or PNG with a DICOM viewer"

KINDS = (
    Kind(
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer, which stands for the photograph",
        "run `git lfs pull` where it was cloned",
    ),
    Kind(
        b"/annex/objects/",
        "a git-annex pointer, which stands for the photograph",
        "run `git annex get` where it was cloned",
    ),
    Kind(b"DICM", "a DICOM file, which needs a decoder of its own", DICOM_CURE, 128),
    Kind(b"%PDF-", "a PDF document", "save its pictures as JPEG"),
    Kind(
        b"PK\x03\x04",
        "a ZIP, or a document that is one",
        "unpack it, or import it with `lentigo data import`",
    ),
    Kind(b"Rar!", "a RAR archive", "unpack it"),
    Kind(b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it"),
    Kind(b"\x1f\x8b", "a gzip archive", "unpack it"),
    Kind(b"ustar", "a tar archive", "unpack it", 257),
    Kind(b"8BPS", "a Photoshop document", "save it as JPEG or TIFF"),
    Kind(b"gimp xcf", "a GIMP document", "export it as JPEG or PNG"),
    Kind(b"%!PS", "a PostScript document, whose reading would run a program", "save it as PNG"),
    Kind(b"\xff\x0a", "a JPEG XL picture, which is not read", "save it as JPEG or PNG"),
    Kind(b"\0\0\0\x0cJXL ", "a JPEG XL picture, which is not read", "save it as JPEG or PNG"),
    Kind(b"v/1\x01", "an OpenEXR picture, whose range is unknown", "save it as PNG"),
    Kind(b"#?RADIANCE", "a Radiance picture, whose range is unknown", "save it as PNG"),
    Kind(b"II*\0\x10\0\0\0CR", "a Canon raw file", "export it as JPEG or TIFF"),
    Kind(b"FUJIFILMCCD-RAW", "a Fujifilm raw file", "export it as JPEG or TIFF"),
    Kind(b"IIRO", "an Olympus raw file", "export it as JPEG or TIFF"),
    Kind(b"IIU\0", "a Panasonic raw file", "export it as JPEG or TIFF"),
    Kind(b"\x93NUMPY", "a NumPy array", "save it as PNG"),
    Kind(b"\x89HDF\r\n", "an HDF5 file", "save its pictures as PNG"),
    Kind(b"MATLAB 5.0", "a MATLAB file", "save its pictures as PNG"),
    Kind(b"SIMPLE  =", "a FITS file", "save its picture as PNG"),
    Kind(b"\0\x05\x16\x07", "a Mac's notes on a file (AppleDouble), not the file", "leave it out"),
    Kind(b"\x1aE\xdf\xa3", "a film (Matroska or WebM)", "save one picture of it as JPEG"),
    Kind(b"AVI ", "a film (AVI)", "save one picture of it as JPEG", 8),
    Kind(b"WAVE", "a sound file", "leave it out", 8),
    Kind(b"\x7fELF", "a program", "leave it out"),
    Kind(b"MZ\x90\0", "a program", "leave it out"),
    Kind(b"\x89PNG", "a damaged or truncated PNG", AGAIN),
    Kind(b"GIF8", "a damaged or truncated GIF", AGAIN),
    Kind(b"II*\0", "a damaged TIFF, or one of a kind that is not read", AGAIN_OR_JPEG),
    Kind(b"MM\0*", "a damaged TIFF, or one of a kind that is not read", AGAIN_OR_JPEG),
    Kind(b"II+\0", "a damaged TIFF, or one of a kind that is not read", AGAIN_OR_JPEG),
    Kind(b"MM\0+", "a damaged TIFF, or one of a kind that is not read", AGAIN_OR_JPEG),
    Kind(b"WEBP", "a damaged or truncated WebP", AGAIN, 8),
    Kind(b"BM", "a damaged BMP, or one of a kind that is not read", AGAIN_OR_JPEG),
    Kind(b"\0\0\0\x0cjP  ", "a damaged or truncated JPEG 2000", AGAIN),
    Kind(b"\xff\x4f\xff\x51", "a damaged or truncated JPEG 2000", AGAIN),
)
BRANDS = {  # of ISO media files, at their eighth byte
    b"crx ": ("a Canon raw file", "export it as JPEG or TIFF"),
    b"qt  ": ("a film (QuickTime)", "save one picture of it as JPEG"),
    b"avif": ("an AVIF picture that this Pillow does not read, or a damaged one", "save it as JPEG"),
    b"avis": ("an AVIF film", "save one picture of it as JPEG"),
}
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif2")
FILM_BRANDS = (b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"M4V ", b"3gp4", b"3gp5", b"dash")
SOF_WORDS = {  # of JPEG's ways of coding
    0xC3: "a lossless JPEG",
    0xC5: "a hierarchical JPEG",
    0xC6: "a hierarchical JPEG",
    0xC7: "a lossless JPEG",
    0xCB: "a lossless JPEG",
    0xCD: "a hierarchical JPEG",
    0xCE: "a hierarchical JPEG",
    0xCF: "a lossless JPEG",
    0xF7: "a JPEG-LS picture",
}


def is_heic(content: bytes) -> bool:
    """Whether a file is HEIC, which Apple's phones write by default, or a related format.

    Args:
        content: The file.

    >>> is_heic(b"\\0\\0\\0\\x24ftypheic"), is_heic(b"\\xff\\xd8\\xff")
    (True, False)
    """
    return content[4:8] == b"ftyp" and content[8:12] in HEIC_BRANDS


def describe_other(content: bytes) -> str:
    """Describes a file that no decoder took: what it is, what was expected and the cure, in one clause.

    Args:
        content: The file, bytes or a bytearray.

    Returns:
        Words to stand behind the name of the file.
    """
    if not content:
        return f"not a photograph (the file is empty); {EXPECTED}: copy it again from its source"
    if is_heic(content):
        return (
            f"HEIC, the format of iPhones, which needs a decoder of its own; {EXPECTED}: "
            f"{tell_install('heic')}, or save it as JPEG"
        )
    content = bytes(content)  # a service has it as a bytearray
    found = find_kind(content) or describe_jpeg(content) or describe_text(content)
    if found is not None:
        words, cure = found
        return f"not a photograph ({words}); {EXPECTED}: {cure}"
    if not content.strip(b"\0"):
        return (
            f"not a photograph ({len(content)} bytes that are all zero, as of a copy that was broken off); "
            f"{EXPECTED}: {AGAIN}"
        )
    return f"not a photograph ({len(content)} bytes of another kind); {EXPECTED}"


def find_kind(content: bytes) -> tuple[str, str] | None:
    """What a file with a known mark is called, and the cure; None for others.

    Args:
        content: The first bytes of a file.
    """
    for kind in KINDS:
        if content[kind.place : kind.place + len(kind.mark)] == kind.mark:
            return kind.words, kind.cure
    return find_brand(content)


def find_brand(content: bytes) -> tuple[str, str] | None:
    """As `find_kind`, of a file in the boxes of ISO 14496-12, as films and HEIC are."""
    if content[4:8] != b"ftyp":
        return None
    brand = content[8:12]
    if brand in FILM_BRANDS:
        return "a film (MP4)", "save one picture of it as JPEG"
    return BRANDS.get(brand)


def describe_jpeg(content: bytes) -> tuple[str, str] | None:
    """What is unusual about a JPEG that was not read, and the cure; None where it is no JPEG, or a usual
    one.
    """
    if content[:2] != b"\xff\xd8":
        return None
    for marker, segment in list_segments(content):
        if marker in SOF_WORDS:
            return SOF_WORDS[marker], "save it as usual JPEG, or as PNG"
        is_frame = 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)
        if is_frame and segment and segment[0] != 8:
            return (
                f"a JPEG of {segment[0]} bits a channel",
                "expected 8 bits: save it as usual JPEG, or as PNG of 16 bits",
            )
    return "a damaged or truncated JPEG", "copy it again from its source"


def describe_text(content: bytes) -> tuple[str, str] | None:
    """What kind of text a file is, and the cure; None where it is none."""
    head = content[:HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    sample = content[:SAMPLE_BYTES]
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page, such as a server sends in place of a file", DOWNLOAD_AGAIN
    is_xml = head.startswith(b"<?xml")
    if head.startswith(b"<svg") or (is_xml and b"<svg" in sample.lower()):
        return "an SVG drawing", "save it as PNG"
    if is_xml:
        return "XML, such as a server sends in place of a file", DOWNLOAD_AGAIN
    if head.startswith((b'{"', b"[{", b"{\n", b"{ ")):
        return "JSON, such as a server sends in place of a file", DOWNLOAD_AGAIN
    try:
        text = sample.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(sample) - MAX_LETTER_BYTES:  # else the sample ends within a letter
            return None
        text = sample[: error.start].decode("utf-8")
    if text and all(letter.isprintable() or letter in "\t\r\n" for letter in text):
        return f"{len(content)} bytes of text", AGAIN
    return None
