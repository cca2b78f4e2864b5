"""Public data sets in small, as they are published: folders that tests of the import read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

ONE_HOT = {
    2018: ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"],
    2019: ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK"],
}
HAM_ROWS = [
    (f"ISIC_{n:07d}", f"HAM_{n // 2:07d}", dx)
    for n, dx in enumerate(["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc", "nv"])
]


def draw(path: Path, seed: int | str) -> Path:
    """A photograph whose content is its seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([ord(letter) for letter in str(seed)])
    Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8)).save(
        path, **({"quality": 95} if path.suffix == ".jpg" else {})
    )
    return path


def write_csv(path: Path, columns: str, rows: list, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=columns.split()).to_csv(path, index=False, **options)
    return path


def write_ham(root: Path) -> Path:
    for number, (image, _, _) in enumerate(HAM_ROWS):
        draw(root / f"HAM10000_images_part_{1 + number % 2}" / f"{image}.jpg", image)
    rows = [(lesion, image, dx, "histo", 50.0, "male", "back") for image, lesion, dx in HAM_ROWS]
    write_csv(root / "HAM10000_metadata.csv", "lesion_id image_id dx dx_type age sex localization", rows)
    return root


def write_one_hot(path: Path, year: int, answers: dict[str, str], folder: Path, **options) -> None:
    """A challenge's table and its photographs."""
    rows = [[image, *(float(code == answer) for code in ONE_HOT[year])] for image, answer in answers.items()]
    write_csv(path, " ".join(["image", *ONE_HOT[year]]), rows, **options)
    for image in answers:
        draw(folder / f"{image}.jpg", image)


def write_2016(root: Path) -> Path:
    for side, words in (("Training", ("benign", "malignant")), ("Test", ("0.0", "1.0"))):
        ids = [f"ISIC_{n + 1000 * (side == 'Test'):07d}" for n in range(2)]
        path = root / f"ISBI2016_ISIC_Part3_{side}_GroundTruth.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{image},{word}\n" for image, word in zip(ids, words, strict=True)))
        for image in ids:
            draw(root / f"ISBI2016_ISIC_Part3_{side}_Data" / f"{image}.jpg", image)
            draw(
                root / f"ISBI2016_ISIC_Part1_{side}_GroundTruth" / f"{image}_Segmentation.png",
                f"{image} mask",
            )
    return root


def write_2017(root: Path) -> Path:
    rows = [
        ("ISIC_0000000", 0.0, 0.0),
        ("ISIC_0000001", 1.0, 0.0),
        ("ISIC_0000002", 0.0, 1.0),
        ("ISIC_0000003", 1.0, 1.0),
    ]
    write_csv(
        root / "ISIC-2017_Validation_Part3_GroundTruth.csv", "image_id melanoma seborrheic_keratosis", rows
    )
    write_csv(
        root / "ISIC-2017_Validation_Data" / "ISIC-2017_Validation_Data_metadata.csv",
        "image_id age_approximate sex",
        [(rows[0][0], 55, "female"), (rows[1][0], "unknown", "unknown")],
    )
    for image, _, _ in rows:
        draw(root / "ISIC-2017_Validation_Data" / f"{image}.jpg", image)
        draw(root / "ISIC-2017_Validation_Data" / f"{image}_superpixels.png", f"{image} superpixels")
    return root


def write_2018(root: Path) -> Path:
    train = {image: dx.upper() for image, _, dx in HAM_ROWS[:4]}
    write_one_hot(
        root / "ISIC2018_Task3_Training_GroundTruth" / "ISIC2018_Task3_Training_GroundTruth.csv",
        2018,
        train,
        root / "ISIC2018_Task3_Training_Input",
    )
    write_csv(
        root / "ISIC2018_Task3_Training_LesionGroupings.csv",
        "image lesion_id diagnosis_confirm_type",
        [(image, lesion, "histopathology") for image, lesion, _ in HAM_ROWS[:4]],
    )
    write_one_hot(
        root / "ISIC2018_Task3_Validation_GroundTruth.csv",
        2018,
        {"ISIC_0034321": "NV"},
        root / "ISIC2018_Task3_Validation_Input",
    )
    write_one_hot(
        root / "ISIC2018_Task3_Test_GroundTruth.csv",
        2018,
        {"ISIC_0034524": "MEL"},
        root / "ISIC2018_Task3_Test_Input",
    )
    return root


def write_2019(root: Path) -> Path:
    answers = {
        "ISIC_0000001_downsampled": "BCC",
        "ISIC_0053453": "AK",
        "ISIC_0053454": "SCC",
        "ISIC_0053455": "NV",
        "ISIC_0053456": "UNK",
    }
    write_one_hot(
        root / "ISIC_2019_Training_GroundTruth.csv", 2019, answers, root / "ISIC_2019_Training_Input"
    )
    rows = [
        ("ISIC_0000001_downsampled", 85.0, "head/neck", "HAM_0000000", "male"),
        ("ISIC_0053453", None, None, "BCN_0000001", None),
    ]
    write_csv(
        root / "ISIC_2019_Training_Metadata.csv", "image age_approx anatom_site_general lesion_id sex", rows
    )
    return root


def write_2020(root: Path) -> Path:
    rows = [
        ("ISIC_2637011", "IP_7279968", "IL_1", "male", 45.0, "head/neck", "unknown", "benign", 0),
        ("ISIC_0149568", "IP_0962375", "IL_2", "female", 55.0, "torso", "melanoma", "malignant", 1),
        (
            "ISIC_0015719",
            "IP_3075186",
            "IL_3",
            "female",
            45.0,
            "torso",
            "atypical melanocytic proliferation",
            "benign",
            0,
        ),
        ("ISIC_0052212", "IP_2842074", "IL_4", "female", 50.0, "torso", "nevus", "benign", 0),
    ]
    new = "image_name patient_id lesion_id sex age_approx anatom_site_general_challenge diagnosis benign_malignant target"
    write_csv(root / "ISIC_2020_Training_GroundTruth_v2.csv", new, rows)
    write_csv(
        root / "ISIC_2020_Training_GroundTruth.csv",
        new.replace(" lesion_id", ""),
        [(*row[:2], *row[3:]) for row in rows],
    )
    write_csv(
        root / "ISIC_2020_Training_Duplicates.csv",
        "image_name_1 image_name_2",
        [("ISIC_2637011", "ISIC_0052212")],
    )
    write_csv(root / "sample_submission.csv", "image_name target", [("ISIC_0149568", 0)])
    for row in rows:
        draw(root / "train" / f"{row[0]}.jpg", row[0])
    return root


def write_isic(root: Path) -> Path:
    """What `isic image download` leaves."""
    columns = "isic_id attribution copyright_license age_approx anatom_site_general diagnosis_1 diagnosis_2 diagnosis_3 patient_id lesion_id sex"
    rows = [
        (
            "ISIC_0000005",
            "ViDIR",
            "CC-BY-NC",
            45,
            "back",
            "Benign",
            "Benign melanocytic proliferations",
            "Nevus",
            "IP_1",
            "IL_1",
            "male",
        ),
        (
            "ISIC_9000001",
            "Anonymous",
            "CC-0",
            85,
            None,
            "Malignant",
            "Malignant melanocytic proliferations (Melanoma)",
            "Melanoma, NOS",
            "IP_1",
            "IL_2",
            "male",
        ),
        (
            "ISIC_9000002",
            "HIBA",
            "CC-BY",
            None,
            None,
            "Indeterminate",
            "Indeterminate epidermal proliferations",
            "Solar or actinic keratosis",
            None,
            None,
            None,
        ),
        (
            "ISIC_9000003",
            "HIBA",
            "CC-BY",
            None,
            None,
            "Benign",
            "Benign epidermal proliferations",
            "Porokeratosis",
            None,
            None,
            None,
        ),
        ("ISIC_9000004", "HIBA", "CC-BY", None, None, None, None, None, None, None, None),
    ]
    for row in rows:
        draw(root / f"{row[0]}.jpg", row[0])
    write_csv(root / "metadata.csv", columns, rows)
    return root


def write_pad(root: Path) -> Path:
    codes = ["BCC", "ACK", "MEL", "NEV", "SEK", "SCC"]
    names = [f"PAT_{n}_{n + 800}_{n + 100}.png" for n in range(len(codes))]
    rows = [
        (
            f"PAT_{n}",
            n + 800,
            50 + n,
            "FEMALE" if n else None,
            3.0 if n % 2 else None,
            "NECK",
            code,
            names[n],
            True,
        )
        for n, code in enumerate(codes)
    ]
    for number, name in enumerate(names):
        draw(root / f"imgs_part_{1 + number % 3}" / name, name)
    write_csv(
        root / "metadata.csv",
        "patient_id lesion_id age gender fitspatrick region diagnostic img_id biopsed",
        rows,
    )
    return root


def write_ph2(root: Path) -> Path:
    lines = [
        "|| Name   ||     Histological Diagnosis || Clinical Diagnosis || Asymmetry | Pigment Network | "
        "Dots/Globules || Colors ||"
    ]
    for number, (proof, code) in enumerate([("", 0), ("", 1), ("Melanoma", 2)]):
        name = f"IMD{number + 3:03d}"
        lines.append(
            f"|| {name} || {proof:>24} || {code:>18} ||         0 |               T |             A ||      "
            "          4 ||"
        )
        draw(root / "PH2 Dataset images" / name / f"{name}_Dermoscopic_Image" / f"{name}.bmp", name)
        draw(root / "PH2 Dataset images" / name / f"{name}_lesion" / f"{name}_lesion.bmp", f"{name} mask")
        draw(root / "PH2 Dataset images" / name / f"{name}_roi" / f"{name}_R1_Label2.bmp", f"{name} roi")
    (root / "PH2_dataset.txt").write_text(
        "\n".join(
            [
                *lines,
                "",
                "  Clinical Diagnosis:",
                "\t0 - Common Nevus;",
                "\t1 - Atypical Nevus;",
                "\t2 - Melanoma.",
                "",
            ]
        )
    )
    return root


def write_mednode(root: Path) -> Path:
    for name in ("melanoma", "naevus"):
        for number in range(2):
            draw(root / "complete_mednode_dataset" / name / f"{number}{name}.jpg", f"{number}{name}")
    return root


def write_2024(root: Path) -> Path:
    names = [f"ISIC_{n + 15000:07d}" for n in range(4)]
    write_csv(
        root / "ISIC_2024_Training_GroundTruth.csv",
        "isic_id malignant",
        [(name, float(n % 2)) for n, name in enumerate(names)],
    )
    facts = [(name, "CC-BY-NC" if n else "CC-BY", f"IP_{n // 2}") for n, name in enumerate(names)]
    write_csv(
        root / "ISIC_2024_Training_Input" / "metadata.csv", "isic_id copyright_license patient_id", facts
    )
    diagnoses = [
        "Benign",
        "Malignant::Malignant melanocytic proliferations (Melanoma)::Melanoma Invasive",
        None,
        "Malignant",
    ]
    write_csv(
        root / "ISIC_2024_Training_Supplement.csv",
        "isic_id iddx_full",
        list(zip(names, diagnoses, strict=True)),
    )
    for name in names:
        draw(root / "ISIC_2024_Training_Input" / f"{name}.jpg", name)
    return root


def write_bcn(root: Path) -> Path:
    codes = ["MEL", "NV", "SCC", "AK"]
    names = [f"BCN_{n:010d}.jpg" for n in range(len(codes))]
    rows = [
        (name, 50.0, "head/neck", code, f"BCN_{n:07d}", "2012-01-01", "male", "train")
        for n, (name, code) in enumerate(zip(names, codes, strict=True))
    ]
    write_csv(
        root / "bcn_20k_train.csv",
        "bcn_filename age_approx anatom_site_general diagnosis lesion_id capture_date sex split",
        rows,
    )
    for name in names:
        draw(root / "BCN_20k_train" / name, name)
    return root


def write_milk(root: Path) -> Path:
    codes = ["AKIEC", "BCC", "BEN_OTH", "BKL", "DF", "INF", "MAL_OTH", "MEL", "NV", "SCCKA", "VASC"]
    answers = {"IL_0000652": "SCCKA", "IL_0003176": "NV", "IL_0004688": "BEN_OTH"}
    marks = [[lesion, *(float(code == answer) for code in codes)] for lesion, answer in answers.items()]
    write_csv(root / "MILK10k_Training_GroundTruth.csv", " ".join(["lesion_id", *codes]), marks)
    rows = []
    for number, lesion in enumerate(answers):
        for place, kind in enumerate(("dermoscopic", "clinical: close-up")):
            name = f"ISIC_{2 * number + place:07d}"
            rows.append((lesion, kind, name, "CC-BY-NC", 60, "male", "trunk"))
            draw(root / "MILK10k_Training_Input" / lesion / f"{name}.jpg", name)
    write_csv(
        root / "MILK10k_Training_Metadata.csv",
        "lesion_id image_type isic_id copyright_license age_approx sex site",
        rows,
    )
    return root


def write_derm7pt(root: Path) -> Path:
    words = ["clark nevus", "melanoma (in situ)", "seborrheic keratosis", "miscellaneous"]
    rows = [
        (n + 1, word, "head neck", "male", f"NEL/Nel{n:03d}c.jpg", f"NEL/Nel{n:03d}.jpg")
        for n, word in enumerate(words)
    ]
    write_csv(
        root / "meta" / "meta.csv", "case_num,diagnosis,location,sex,clinic,derm".replace(",", " "), rows
    )
    for row in rows:
        draw(root / "images" / row[4], row[4])
        draw(root / "images" / row[5], row[5])
    return root


def write_ddi(root: Path) -> Path:
    rows = [
        (1, "000001.png", 56, True, "melanoma-in-situ"),
        (2, "000002.png", 12, False, "melanocytic-nevi"),
        (3, "000003.png", 34, True, "mycosis-fungoides"),
    ]
    write_csv(root / "ddi_metadata.csv", "DDI_ID DDI_file skin_tone malignant disease", rows)
    for row in rows:
        draw(root / row[1], row[1])
    return root


def write_fitzpatrick(root: Path) -> Path:
    rows = [
        ("5e82a45bc5d78bd24ae9202d194423f8", 3, "malignant melanoma", "malignant"),
        ("fa2911a9b13b6f8af79cb700937cc14f", 1, "dermatofibroma", "benign"),
        ("d2bac3c9e4499032ca8e9b07c7d3bc40", -1, "psoriasis", "non-neoplastic"),
        ("0a94359e7eaacd7178e06b2823777789", 6, "lipoma", "benign"),
    ]
    write_csv(root / "fitzpatrick17k.csv", "md5hash fitzpatrick_scale label three_partition_label", rows)
    for row in rows:
        draw(root / "finalfitz17k" / f"{row[0]}.jpg", row[0])
    return root


WRITERS = {
    "ham10000": write_ham,
    "isic-archive": write_isic,
    "isic2016": write_2016,
    "isic2017": write_2017,
    "isic2018": write_2018,
    "isic2019": write_2019,
    "isic2020": write_2020,
    "pad-ufes-20": write_pad,
    "ph2": write_ph2,
    "med-node": write_mednode,
    "isic2024": write_2024,
    "bcn20000": write_bcn,
    "milk10k": write_milk,
    "derm7pt": write_derm7pt,
    "ddi": write_ddi,
    "fitzpatrick17k": write_fitzpatrick,
}
