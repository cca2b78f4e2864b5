"""Codes of what a prediction says, as (value, scheme, meaning): SNOMED CT, DICOM's own, UCUM, and ours where
none of them has one.

A private code is better than one that means something near: `benign_keratosis` is a group of diagnoses.
"""

from __future__ import annotations

PRIVATE = "99LENTIGO"
SNOMED = "SCT"
DICOM = "DCM"
UCUM = "UCUM"

Code = tuple[str, str, str]

LABELS: dict[str, Code] = {
    "malignant": ("21594007", SNOMED, "Malignant"),
    "benign": ("30807003", SNOMED, "Benign"),
    "uncertain": ("uncertain", PRIVATE, "Uncertain: no decision"),
}
DIAGNOSES: dict[str, Code] = {
    "melanoma": ("1162635006", SNOMED, "Malignant melanoma"),
    "nevus": ("400096001", SNOMED, "Melanocytic nevus"),
    "basal_cell_carcinoma": ("254701007", SNOMED, "Basal cell carcinoma of skin"),
    "squamous_cell_carcinoma": ("1162767002", SNOMED, "Squamous cell carcinoma"),
    "benign_keratosis": ("benign_keratosis", PRIVATE, "Benign keratosis"),
    "dermatofibroma": ("dermatofibroma", PRIVATE, "Dermatofibroma"),
    "vascular_lesion": ("vascular_lesion", PRIVATE, "Vascular lesion"),
}
ANSWERS: dict[bool | None, Code] = {
    True: ("373066001", SNOMED, "Yes"),
    False: ("373067005", SNOMED, "No"),
    None: ("261665006", SNOMED, "Unknown"),
}

DECISION: Code = ("decision", PRIVATE, "Decision at the operating point")
LIKELIEST: Code = ("likeliest_diagnosis", PRIVATE, "Likeliest diagnosis")
IN_DISTRIBUTION: Code = ("in_distribution", PRIVATE, "Shows a lesion as the model knows them")
SHIFTED: Code = ("shifted", PRIVATE, "Unlike the sources that the model has learned from")
PROBABILITY: Code = ("probability_malignant", PRIVATE, "Probability of malignant")
THRESHOLD: Code = ("threshold", PRIVATE, "Threshold of the probability")
AREA: Code = ("42798000", SNOMED, "Area")
DIAMETER: Code = ("103339001", SNOMED, "Long axis")
AREA_SHARE: Code = ("area_share", PRIVATE, "Share of the photograph")
COMMENT: Code = ("121106", DICOM, "Comment")

SKIN_LESION: Code = ("95324001", SNOMED, "Skin lesion")
LESION: Code = ("52988006", SNOMED, "Lesion")
ABNORMAL: Code = ("49755003", SNOMED, "Morphologically Abnormal Structure")
SKIN: Code = ("39937001", SNOMED, "Skin")
ARTIFICIAL_INTELLIGENCE: Code = ("123109", DICOM, "Artificial Intelligence")

NO_UNIT: Code = ("1", UCUM, "no units")
MILLIMETRE: Code = ("mm", UCUM, "mm")
SQUARE_MILLIMETRE: Code = ("mm2", UCUM, "mm2")
PIXEL: Code = ("{pixels}", UCUM, "pixels")

RESEARCH_ONLY = "Research output of Lentigo, not a medical device: unverified, and not to be used for diagnosis or treatment."


def name_diagnosis_probability(name: str) -> Code:
    """The code of the probability of one of the seven diagnoses.

    Args:
        name: One of `DIAGNOSES`.

    >>> name_diagnosis_probability("nevus")
    ('p_nevus', '99LENTIGO', 'Probability of nevus')
    """
    return f"p_{name}", PRIVATE, f"Probability of {name.replace('_', ' ')}"
