"""The public data sets: how the tables of each are known, and what they say. One row of `ARCHIVES` a data set.

A table is known by its columns, not by its name; upper and lower case and further columns do not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

from lentigo.datasets.published import layouts
from lentigo.datasets.published.layouts import HEADLESS, MILK10K_CODES, ONE_HOT_CODES, PH2

RESEARCH = "research only"  # a licence


@dataclass(frozen=True)
class Archive:
    """A public data set.

    Attributes:
        name: Its name in options.
        source: Its name in manifests.
        license: That of photographs without one of their own; None where each has its own.
        looks: What its files look like, for messages.
        namespace: Ids of one namespace mean the same patient or lesion wherever they stand.
        key: The column that names the photograph.
        needs: Columns that its tables have beside it.
        read: Adds to such a table, its columns in lower case: `diagnosis` (the data set's word),
            `diagnosis_name` (ours or None), `published` (the class that the data set itself gives, or None).
        shown: The column that a problem quotes.
        some: Columns of which its tables have one at least.
    """

    name: str
    source: str
    license: str | None
    looks: str
    namespace: str
    key: str
    needs: tuple[str, ...]
    read: Callable[[pd.DataFrame], pd.DataFrame]
    shown: str
    some: tuple[str, ...] = ()

    def claims(self, columns: frozenset[str]) -> bool:
        """Whether a table with these columns is one of this data set.

        Args:
            columns: The names of the table's columns.
        """
        # By columns alone: people rename tables, and archives have several names for one
        if self.key not in columns or not columns.issuperset(self.needs):
            return False
        return not self.some or not columns.isdisjoint(self.some)


ARCHIVES = (
    Archive(
        name="ham10000",
        source="HAM10000",
        license="CC BY-NC 4.0",
        looks="HAM10000_metadata (image_id,lesion_id,dx,...) and folders of ISIC_*.jpg",
        namespace="isic",
        key="image_id",
        needs=("lesion_id", "dx"),
        read=layouts.read_ham10000,
        shown="dx",
    ),
    Archive(
        name="isic-archive",
        source="ISIC archive",
        license=None,
        looks="metadata.csv (isic_id,diagnosis_1,...) beside ISIC_*.jpg, as isic-cli writes it",
        namespace="isic",
        key="isic_id",
        needs=(),
        read=layouts.read_isic_archive,
        shown="diagnosis_1",
        some=("diagnosis_1", "benign_malignant"),
    ),
    Archive(
        name="isic2016",
        source="ISIC 2016",
        license="CC-0",
        looks="ISBI2016_ISIC_Part3_*_GroundTruth.csv (ISIC_0000000,benign; no header)",
        namespace="isic",
        key=HEADLESS[0],
        needs=(HEADLESS[1],),
        read=layouts.read_2016,
        shown=HEADLESS[1],
    ),
    Archive(
        name="isic2017",
        source="ISIC 2017",
        license="CC-0",
        looks="ISIC-2017_*_Part3_GroundTruth.csv (image_id,melanoma,seborrheic_keratosis)",
        namespace="isic",
        key="image_id",
        needs=("melanoma", "seborrheic_keratosis"),
        read=layouts.read_2017,
        shown="diagnosis",
    ),
    Archive(
        name="isic2018",
        source="ISIC 2018",
        license="CC BY-NC 4.0",
        looks="ISIC2018_Task3_*_GroundTruth.csv (image,MEL,NV,BCC,AKIEC,BKL,DF,VASC)",
        namespace="isic",
        key="image",
        needs=ONE_HOT_CODES[2018],
        read=layouts.read_one_hot(2018),
        shown="diagnosis",
    ),
    Archive(
        name="isic2019",
        source="ISIC 2019",
        license="CC BY-NC 4.0",
        looks="ISIC_2019_*_GroundTruth.csv (image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK)",
        namespace="isic",
        key="image",
        needs=ONE_HOT_CODES[2019],
        read=layouts.read_one_hot(2019),
        shown="diagnosis",
    ),
    Archive(
        name="isic2020",
        source="ISIC 2020",
        license="CC BY-NC 4.0",
        looks="ISIC_2020_Training_GroundTruth*.csv (image_name,patient_id,...,benign_malignant,target)",
        namespace="isic",
        key="image_name",
        needs=(),
        read=layouts.read_2020,
        shown="diagnosis",
        some=("target", "benign_malignant"),
    ),
    Archive(
        name="pad-ufes-20",
        source="PAD-UFES-20",
        license="CC BY 4.0",
        looks="metadata.csv (img_id,diagnostic,patient_id,...) and folders of PAT_*.png",
        namespace="pad-ufes-20",
        key="img_id",
        needs=("diagnostic",),
        read=layouts.read_pad,
        shown="diagnostic",
    ),
    Archive(
        name="ph2",
        source="PH2",
        license=RESEARCH,
        looks="PH2_dataset.txt, or its sheet as CSV, and IMD*/IMD*_Dermoscopic_Image/IMD*.bmp",
        namespace="ph2",
        key=PH2[0],
        needs=(PH2[1],),
        read=layouts.read_ph2,
        shown="diagnosis",
    ),
    Archive(
        name="isic2024",
        source="ISIC 2024",
        license=None,
        looks="ISIC_2024_Training_GroundTruth.csv (isic_id,malignant), or the competition's train-metadata.csv "
        "(isic_id,target,...)",
        namespace="isic",
        key="isic_id",
        needs=(),
        read=layouts.read_2024,
        shown="diagnosis",
        some=("malignant", "target"),
    ),
    Archive(
        name="bcn20000",
        source="BCN20000",
        license="CC BY-NC 4.0",
        looks="bcn_20k_train.csv (bcn_filename,diagnosis,...) and BCN_*.jpg",
        namespace="bcn20000",
        key="bcn_filename",
        needs=("diagnosis",),
        read=layouts.read_bcn20000,
        shown="diagnosis",
    ),
    Archive(
        name="milk10k",
        source="MILK10k",
        license=None,
        looks="MILK10k_Training_GroundTruth.csv (lesion_id,AKIEC,BCC,...) and ..._Metadata.csv "
        "(isic_id,lesion_id,...)",
        namespace="isic",
        key="lesion_id",
        needs=MILK10K_CODES,
        read=layouts.read_milk10k,
        shown="diagnosis",
    ),
    Archive(
        name="derm7pt",
        source="Derm7pt",
        license=RESEARCH,
        looks="meta/meta.csv (case_num,diagnosis,clinic,derm,...) and images/",
        namespace="derm7pt",
        key="derm",
        needs=("diagnosis", "clinic"),
        read=layouts.read_derm7pt,
        shown="diagnosis",
    ),
    Archive(
        name="ddi",
        source="DDI",
        license=RESEARCH,
        looks="ddi_metadata.csv (DDI_file,skin_tone,malignant,disease) and 000001.png",
        namespace="ddi",
        key="ddi_file",
        needs=("malignant", "disease"),
        read=layouts.read_ddi,
        shown="disease",
    ),
    Archive(
        name="fitzpatrick17k",
        source="Fitzpatrick17k",
        license="CC BY-NC-SA 3.0",
        looks="fitzpatrick17k.csv (md5hash,fitzpatrick_scale,label,three_partition_label,...) and MD5HASH.jpg",
        namespace="fitzpatrick17k",
        key="md5hash",
        needs=("label", "three_partition_label"),
        read=layouts.read_fitzpatrick17k,
        shown="label",
    ),
)
HAM10000 = ARCHIVES[0]
ISIC_ARCHIVE = ARCHIVES[1]
# Data sets that do not say what a photograph shows in one column with a name
IN_COLUMNS = ("isic2016", "isic2017", "isic2018", "isic2019", "ph2", "milk10k")


def find_archive(tables: Iterable[frozenset[str]]) -> Archive | None:
    """The public data set that one of some tables belongs to.

    Args:
        tables: The columns of each.

    Returns:
        The first of `ARCHIVES` that claims one; None without any.
    """
    listed = list(tables)
    # In order: a table that two of them claim is of the first
    for archive in ARCHIVES:
        if any(archive.claims(columns) for columns in listed):
            return archive
    return None
