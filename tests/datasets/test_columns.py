"""Tables and class folders as people have them: what is clear is read, what is not names the option that
decides.
"""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lentigo.datasets.manifests import load_dataset
from lentigo.datasets.tables.options import make_options
from lentigo.datasets.tables.words import spell_column, spell_word
from lentigo.errors import DataError, UsageError

NAMES = [f"{number}.jpg" for number in range(4)]


def draw(path, seed) -> str:
    """A photograph of its own content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([ord(letter) for letter in str(seed)])
    Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8)).save(path)
    return str(path)


def write(folder, header, rows, name="m.csv", images=NAMES):
    """A table of photographs that are there; gives its path."""
    for image in images:
        draw(folder / image, image)
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def label(folder, header, rows, *options, **files):
    """The classes, 0 and 1, of a table of the four photographs."""
    return load_dataset(
        write(folder, header, rows, **files), make_options(mapping=options)
    ).malignant.tolist()


@pytest.mark.parametrize(
    "header",
    [
        "image,label",
        "Image,Label",
        "image, label",
        "IMAGE,LABEL",
        "image_id,dx",
        "isic_id,target",
        "isic_id,malignant",
        "image_name,target",
        "path,diagnosis",
        "filename,class",
        "file_name,benign_malignant",
        "img_id,diagnostic",
        "File Name,Class",
        "image-path,category",
        "md5hash,three_partition_label",
        "DDI_file,malignant",
        "bcn_filename,diagnosis",
    ],
)
def test_a_header_may_have_the_names_of_any_public_set(tmp_path, header):
    words = ["benign", "malignant"]
    assert label(tmp_path, header, [(name, words[n % 2]) for n, name in enumerate(NAMES)]) == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("no", "yes"),
    [
        ("0", "1"),
        ("0.0", "1.0"),
        ("False", "True"),
        ("FALSE", "TRUE"),
        ("nevus", "melanoma"),
        ("NV", "MEL"),
        ("no", "yes"),
        ("Benign ", " MALIGNANT"),
        ("negative", "positive"),
        ("seborrheic keratosis", "Basal cell carcinoma"),
        ("N", "Y"),
    ],
)
def test_labels_may_be_numbers_truths_or_diagnoses(tmp_path, no, yes):
    assert label(tmp_path, "image,label", [(name, (no, yes)[n % 2]) for n, name in enumerate(NAMES)]) == [
        0,
        1,
        0,
        1,
    ]


@pytest.mark.parametrize(
    "spell",
    [str.upper, lambda name: name.removesuffix(".jpg"), lambda name: f".\\{name}", lambda name: f"./{name}"],
    ids=["capitals", "no suffix", "backslash", "dot"],
)
def test_names_may_be_spelled_otherwise(tmp_path, spell):
    dataset = load_dataset(
        write(tmp_path, "image,label", [(spell(name), n % 2) for n, name in enumerate(NAMES)])
    )
    assert dataset.problems == () and [image[-5:] for image in dataset.table["image"]] == NAMES


@pytest.mark.parametrize("spell", ["{}", "x/{}", "x\\{}"])
def test_photographs_may_lie_in_folders_below_the_table(tmp_path, spell):
    rows = [(spell.format(name), n % 2) for n, name in enumerate(NAMES)]
    dataset = load_dataset(
        write(tmp_path, "image,label", rows, images=[f"images/x/{name}" for name in NAMES])
    )
    assert dataset.problems == () and len(dataset) == 4


def test_a_photograph_that_is_missing_among_many_is_not_replaced_by_a_namesake(tmp_path):
    draw(tmp_path / "others" / "4.jpg", "x")
    dataset = load_dataset(
        write(tmp_path, "image,label", [(name, n % 2) for n, name in enumerate([*NAMES, "4.jpg"])])
    )
    assert len(dataset) == 4 and [problem.error for problem in dataset.problems] == ["no such file"]


def test_a_name_that_two_different_files_have_is_not_guessed(tmp_path):
    for folder in ("a", "b"):
        draw(tmp_path / folder / "9.jpg", folder)
    dataset = load_dataset(
        write(tmp_path, "image,label", [(name, n % 2) for n, name in enumerate([*NAMES, "9"])])
    )
    assert len(dataset) == 4 and "2 different files have that name" in dataset.problems[0].error


def test_a_mask_is_never_taken_for_a_photograph_without_suffix(tmp_path):
    images = ["images/0.jpg", "masks/0.png", "images/0_segmentation.png"]
    dataset = load_dataset(write(tmp_path, "image_id,dx", [("0", "nv")], images=images))
    assert dataset.table["image"].tolist() == [str(tmp_path / "images" / "0.jpg")]


@pytest.mark.parametrize("blank", ["", " ", "nan", "unknown", "?"])
def test_a_blank_label_among_many_is_listed(tmp_path, blank):
    dataset = load_dataset(
        write(tmp_path, "image,label", [(name, blank if n == 3 else n % 2) for n, name in enumerate(NAMES)])
    )
    assert dataset.malignant.tolist() == [0, 1, 0]
    assert [(p.image, p.error) for p in dataset.problems] == [
        ("3.jpg", "has no label: left out; expected benign or malignant")
    ]


def test_what_a_policy_leaves_open_is_listed_with_the_option_that_takes_it(tmp_path):
    dataset = load_dataset(
        write(tmp_path, "image,diagnosis", list(zip(NAMES, ["nevus", "melanoma", "AK", "BCC"], strict=True)))
    )
    assert dataset.malignant.tolist() == [0, 1, 1] and dataset.reading.policy == "archive"
    assert (
        "neither benign nor malignant by the policy archive: left out; --map AK=malignant"
        in dataset.problems[0].error
    )


def test_ham10000s_codes_are_read_by_its_authors_policy_and_that_is_recorded(tmp_path):
    dataset = load_dataset(
        write(
            tmp_path,
            "image_id,dx",
            list(zip(["0", "1", "2", "3"], ["nv", "mel", "akiec", "bkl"], strict=True)),
        )
    )
    assert dataset.malignant.tolist() == [0, 1, 1, 0]
    assert dataset.reading.to_json() == {
        "image_column": "image_id",
        "label_column": "dx",
        "diagnosis_column": "dx",
        "policy": "ham10000",
        "classes": {"nv": "benign", "mel": "malignant", "akiec": "malignant", "bkl": "benign"},
    }


# --- what is not clear


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        (
            "image,label",
            [("0.jpg", "2"), ("1.jpg", "1")],
            r"column 'label': not understood: '2' \(1\), beside 1; .*--map 2=malignant",
        ),
        (
            "image,label",
            [("0.jpg", "suspicious"), ("1.jpg", "ordinary")],
            r"--map suspicious=malignant,ordinary=benign, or =skip to leave them out",
        ),
        (
            "image,age",
            [("0.jpg", 3)],
            r"no column says benign or malignant; it has image, age; .*--label-column NAME",
        ),
        (
            "what,label",
            [("zero", 1)],
            r"no column is known to name the photographs; it has what, label; .*--image-column NAME",
        ),
        (
            "before,after,label",
            [("0.jpg", "1.jpg", 1)],
            r"several columns name photographs \(before, after\); .*--image-column NAME",
        ),
        (
            "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC",
            [("0.jpg", 1, 0, 0, 0, 0, 0, 0)],
            r"looks like the table of ISIC 2018, a column for each diagnosis; .*lentigo data import",
        ),
    ],
)
def test_what_is_not_clear_says_what_was_seen_expected_and_the_option(tmp_path, header, rows, said):
    with pytest.raises(DataError, match=said) as caught:
        load_dataset(write(tmp_path, header, rows))
    assert len(str(caught.value).splitlines()) <= 5


def test_columns_may_be_named(tmp_path):
    path = write(
        tmp_path, "image,label,photo file,verdict", [("x", 0, name, n % 2) for n, name in enumerate(NAMES)]
    )
    dataset = load_dataset(path, make_options("Photo File", "verdict"))
    assert dataset.malignant.tolist() == [0, 1, 0, 1] and dataset.reading.label_column == "verdict"


@pytest.mark.parametrize("options", [{"image": "pixels"}, {"label": "pixels"}])
def test_a_column_that_is_not_there_is_named_beside_those_that_are(tmp_path, options):
    with pytest.raises(DataError, match="has no column 'pixels'; it has image, label"):
        load_dataset(write(tmp_path, "image,label", [("0.jpg", 1)]), make_options(**options))


def test_words_may_be_mapped_and_left_out(tmp_path):
    rows = list(zip(NAMES, ["suspicious", "ordinary", "1.0", "blurred"], strict=True))
    assert label(tmp_path, "image,label", rows, "suspicious=malignant,ordinary=benign", "blurred=skip") == [
        1,
        0,
        1,
    ]


def test_names_of_class_folders_may_be_mapped(tmp_path):
    for number, name in enumerate(("suspicious/a.png", "ordinary/a.png", "blurred/a.png")):
        draw(tmp_path / name, number)
    dataset = load_dataset(
        tmp_path, make_options(mapping=["suspicious=malignant,Ordinary=benign,blurred=skip"])
    )
    assert dataset.malignant.tolist() == [0, 1]
    assert [problem.error for problem in dataset.problems] == [
        "1 photographs of the class 'blurred' left out: it is left out, as --map says"
    ]


@pytest.mark.parametrize("pair", ["mel", "mel=bad", "=benign", "mel:malignant"])
def test_a_mapping_that_is_none_is_a_usage_error(pair):
    with pytest.raises(UsageError, match="expected WORD=benign, WORD=malignant or WORD=skip"):
        make_options(mapping=[pair])


@pytest.mark.parametrize(
    "names",
    [
        ("0", "1"),
        ("nevus", "melanoma"),
        ("Naevus", "MELANOMA"),
        ("nv", "mel"),
        ("Benign", "Malignant"),
        ("false", "true"),
    ],
)
def test_class_folders_may_be_numbers_or_diagnoses(tmp_path, names):
    for name in names:
        draw(tmp_path / name / "a.png", name)
    assert sorted(load_dataset(tmp_path).malignant.tolist()) == [0, 1]


def test_a_folder_of_photographs_with_one_table_beside_them_is_that_table(tmp_path):
    write(
        tmp_path,
        "image,dx",
        [(name, "nv" if n else "mel") for n, name in enumerate(NAMES)],
        name="labels.csv",
        images=[f"images/{name}" for name in NAMES],
    )
    assert load_dataset(tmp_path).malignant.tolist() == [1, 0, 0, 0]


# --- masks beside photographs


@pytest.mark.parametrize(
    "mask",
    [
        "a_mask.png",
        "a_segmentation.png",
        "a_Segmentation.png",
        "a_superpixels.png",
        "a_seg.tif",
        "a-mask.png",
        "a.mask.png",
        "a_mask_1.png",
        "a_lesion.bmp",
        "mask_a.png",
        "masks/a.png",
        "Masks/a_mask.png",
        "segmentations/a_segmentation.png",
        "a_gt.png",
        "A_MASK.PNG",
    ],
)
def test_a_mask_beside_its_photograph_is_listed_and_left_out(tmp_path, mask):
    for name in ("benign/a.jpg", f"benign/{mask}", "malignant/b.jpg"):
        draw(tmp_path / name, name)
    dataset = load_dataset(tmp_path)
    assert len(dataset) == 2
    assert [(problem.image, problem.error) for problem in dataset.problems] == [
        (str(tmp_path / "benign" / mask), "a mask of a.jpg by its name, beside it: left out")
    ]


@pytest.mark.parametrize("name", ["b_mask.png", "a_lesion.jpg", "unmasked.png", "a2.png", "mask.png"])
def test_a_name_alone_makes_no_mask(tmp_path, name):
    for path in ("benign/a.jpg", f"benign/{name}"):
        draw(tmp_path / path, path)
    assert len(load_dataset(tmp_path)) == 2


def test_masks_in_a_folder_without_classes_are_listed_too(tmp_path):
    from lentigo.images.listing import list_images
    from lentigo.images.problems import Problem

    for name in ("a.jpg", "a_mask.png"):
        draw(tmp_path / name, name)
    found = list(list_images([tmp_path]))
    assert [str(one) for one in found if not isinstance(one, Problem)] == [str(tmp_path / "a.jpg")] and len(
        found
    ) == 2


# --- spelling


@pytest.mark.parametrize(
    ("name", "spelled"), [("Image Name", "image_name"), ("patient-id ", "patient_id"), ("DX", "dx")]
)
def test_columns_are_spelled_alike(name, spelled):
    assert spell_column(name) == spelled


@pytest.mark.parametrize(
    ("word", "spelled"),
    [
        (1, "1"),
        (1.0, "1"),
        ("0.0", "0"),
        (True, "true"),
        ("0.5", "0.5"),
        ("Melanoma, NOS", "melanoma nos"),
        ("-1", "-1"),
    ],
)
def test_words_are_spelled_alike(word, spelled):
    assert spell_word(word) == spelled


def test_a_parquet_table_keeps_truths_and_numbers(tmp_path):
    for image in NAMES:
        draw(tmp_path / image, image)
    pd.DataFrame({"filename": NAMES, "malignant": [True, False, True, False]}).to_parquet(
        tmp_path / "m.parquet"
    )
    assert load_dataset(tmp_path / "m.parquet").malignant.tolist() == [1, 0, 1, 0]


# --- the command line, and an audit without classes


def test_the_options_stand_on_every_command_that_takes_data():
    from inspect import signature

    from lentigo.cli.audit import audit
    from lentigo.cli.data import data_import, data_info, data_split
    from lentigo.cli.evaluation import evaluate
    from lentigo.cli.selection.comparison import compare
    from lentigo.cli.selection.tuning import tune
    from lentigo.cli.training import train

    wanted = {"image_column", "label_column", "meanings", "addresses"}
    for command in (train, evaluate, audit, compare, tune, data_info, data_split, data_import):
        assert wanted <= set(signature(command).parameters), command


def test_the_options_reach_the_data_set(tmp_path):
    from typer.testing import CliRunner

    from lentigo.cli.app import app

    path = write(
        tmp_path, "photo file,verdict", [(name, "odd" if n else "fine") for n, name in enumerate(NAMES)]
    )
    options = [
        "--image-column",
        "photo file",
        "--label-column",
        "verdict",
        "--map",
        "odd=malignant",
        "--map",
        "fine=benign",
    ]
    result = CliRunner().invoke(app, ["data", "info", str(path), "--json", *options])
    assert result.exit_code == 0 and '"unsplit": {"benign": 1, "malignant": 3}' in result.output


def test_an_audit_says_which_folders_are_no_classes_that_it_knows(tmp_path):
    from lentigo.audit.audited_set import open_set

    for number, name in enumerate(("inbox/a.png", "outbox/b.png")):
        draw(tmp_path / name, number)
    dataset = open_set(tmp_path)
    assert dataset.table["label"].isna().all() and len(dataset) == 2
    assert (
        "its folders (inbox, outbox) are no classes that are known" in dataset.notes[0]
        and "--map inbox=benign,outbox=benign" in dataset.notes[0]
    )
    known = open_set(tmp_path, make_options(mapping=["inbox=benign,outbox=malignant"]))
    assert known.malignant.tolist() == [0, 1] and known.notes == ()
