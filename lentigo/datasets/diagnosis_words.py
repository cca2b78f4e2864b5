"""The words of diagnoses: how the public data sets write them, their class, and the seven diagnoses that a
network can tell apart.

Pure Python: whoever only predicts may import it.
"""

from __future__ import annotations

import math
import re
from typing import Any

BENIGN = "benign"
INDETERMINATE = "indeterminate"
MALIGNANT = "malignant"

MELANOMA = "melanoma"
NEVUS = "nevus"
BASAL = "basal_cell_carcinoma"
SQUAMOUS = "squamous_cell_carcinoma"
KERATOSIS = "benign_keratosis"
FIBROMA = "dermatofibroma"
VASCULAR = "vascular_lesion"

# The order of a network's output `diagnosis (N, 7)`. Squamous cell carcinoma holds its forerunners (actinic
# keratosis, Bowen's disease) and keratoacanthoma; benign keratosis holds seborrhoeic and lichenoid keratosis
# and lentigo, as HAM10000 and ISIC 2019 have it.
DIAGNOSES = (MELANOMA, NEVUS, BASAL, SQUAMOUS, KERATOSIS, FIBROMA, VASCULAR)

# Name; its class in the ISIC archive's vocabulary (diagnosis_1; isic-metadata 4.12); which of the seven it is;
# further words and codes for it: those of HAM10000, the ISIC challenges and archive, PAD-UFES-20, PH2, Derm7pt,
# BCN20000, Fitzpatrick17k, DDI and MILK10k. A word with a qualifier after a comma or in brackets ("Nevus,
# Spitz", "melanoma (in situ)") need not be listed. One row a diagnosis.
VOCABULARY = (
    (
        "melanoma",
        MALIGNANT,
        MELANOMA,
        "mel, mm, malignant melanoma, melanoma nos, melanoma in situ, melanoma invasive, melanoma "
        "metastasis, melanoma metastatic, "
        "metastatic melanoma, lentigo maligna, superficial spreading melanoma, superficial spreading "
        "melanoma ssm, nodular melanoma, "
        "acral lentiginous melanoma, melanoma acral lentiginous, lentigo maligna melanoma, amelanotic "
        "melanoma, acral melanoma, "
        "desmoplastic melanoma, invasive melanoma, in situ melanoma, malignant melanocytic proliferations "
        "melanoma",
    ),
    (
        "basal cell carcinoma",
        MALIGNANT,
        BASAL,
        "bcc, basal cell carcinoma nodular, basal cell carcinoma superficial, basal cell carcinoma "
        "morpheiform, basalioma, "
        "nodular basal cell carcinoma, superficial basal cell carcinoma, solid cystic basal cell carcinoma, "
        "pigmented basal cell carcinoma, "
        "basal cell carcinoma with adnexal differentiation, basal cell carcinoma with sarcomatoid "
        "differentiation",
    ),
    (
        "squamous cell carcinoma",
        MALIGNANT,
        SQUAMOUS,
        "scc, squamous cell carcinoma nos, squamous cell carcinoma invasive, invasive squamous cell "
        "carcinoma, "
        "squamous cell carcinoma keratoacanthoma, sccka, verrucous carcinoma",
    ),
    (
        "squamous cell carcinoma in situ",
        MALIGNANT,
        SQUAMOUS,
        "scc in situ, scis, bod, bowen, bowen disease, bowens disease, bowen's disease, intraepithelial "
        "carcinoma, bowenoid papulosis",
    ),
    ("keratoacanthoma", MALIGNANT, SQUAMOUS, "ka"),
    ("basosquamous carcinoma", MALIGNANT, None, "baso-squamous carcinoma"),
    ("merkel cell carcinoma", MALIGNANT, None, "merkel cell proliferation"),
    ("kaposi sarcoma", MALIGNANT, None, "kaposis sarcoma, kaposi's sarcoma"),
    ("angiosarcoma", MALIGNANT, None, "angiosarcoma cutaneous"),
    ("dermatofibrosarcoma protuberans", MALIGNANT, None, "dfsp"),
    ("atypical fibroxanthoma", MALIGNANT, None, ""),
    ("sebaceous carcinoma", MALIGNANT, None, ""),
    (
        "cutaneous lymphoma",
        MALIGNANT,
        None,
        "mycosis fungoides, sezary syndrome, cutaneous t-cell lymphoma, subcutaneous t-cell lymphoma, "
        "leukemia cutis, "
        "blastic plasmacytoid dendritic cell neoplasm, malignant cutaneous lymphoma",
    ),
    ("skin metastasis", MALIGNANT, None, "metastatic carcinoma, metastasis"),
    (
        "malignant",
        MALIGNANT,
        None,
        "malignant other, mal_oth, other malignant proliferations, cancer, skin cancer",
    ),
    (
        "actinic keratosis",
        INDETERMINATE,
        SQUAMOUS,
        "ak, ack, solar keratosis, solar or actinic keratosis, actinic keratoses, actinic cheilitis, solar "
        "or actinic cheilitis, "
        "indeterminate epidermal proliferations",
    ),
    (
        "actinic keratosis or intraepithelial carcinoma",
        INDETERMINATE,
        SQUAMOUS,
        "akiec, actinic keratoses and intraepithelial carcinoma, actinic keratosis/intraepidermal carcinoma, "
        "actinic keratoses and intraepithelial carcinoma / bowen's disease, actinic keratosis bowen's "
        "disease",
    ),
    (
        "atypical melanocytic tumour",
        INDETERMINATE,
        None,
        "amp, aimp, atypical melanocytic proliferation, atypical intraepithelial melanocytic proliferation, "
        "atypical melanocytic neoplasm, atypical spitz tumor, atypical pigmented spindle cell tumor, "
        "melanocytic tumor of uncertain malignant potential, superficial atypical melanocytic proliferation "
        "of uncertain significance, "
        "atypical proliferative nodules in congenital melanocytic nevus, indeterminate melanocytic "
        "proliferations",
    ),
    ("indeterminate", INDETERMINATE, None, "indeterminate/benign, indeterminate/malignant"),
    (
        "nevus",
        BENIGN,
        NEVUS,
        "nv, nev, naevus, nevi, naevi, melanocytic nevus, melanocytic naevus, melanocytic nevi, melanocytic "
        "naevi, common nevus, "
        "common naevus, blue nevus, congenital nevus, spitz nevus, mole, moles, nevocytic nevus, halo "
        "nevus, acral nevus, "
        "combined nevus, dermal nevus, junctional nevus, compound nevus, intradermal nevus, recurrent "
        "nevus, reed nevus, "
        "reed or spitz nevus, becker nevus, nevus spilus, spindle cell nevus of reed, pigmented spindle "
        "cell nevus of reed, "
        "atypical spindle cell nevus of reed, benign melanocytic proliferations, benign melanocyte",
    ),
    (
        "atypical nevus",
        BENIGN,
        NEVUS,
        "atypical naevus, dysplastic nevus, dysplastic naevus, clark nevus, clark naevus, clark's nevus, "
        "nevus atypical dysplastic or clark, dysplastic nevi, atypical nevi",
    ),
    (
        "seborrheic keratosis",
        BENIGN,
        KERATOSIS,
        "sek, sk, seborrhoeic keratosis, seborrheic keratoses, seborrhoeic keratoses, seborrheic_keratosis, "
        "seborrheic keratosis irritated, irritated seborrheic keratosis, inverted follicular keratosis, "
        "melanoacanthoma",
    ),
    (
        "benign keratosis",
        BENIGN,
        KERATOSIS,
        "bkl, pigmented benign keratosis, benign keratosis-like lesions, benign keratosis-like lesion, "
        "benign keratosis like, "
        "benign keratoses",
    ),
    (
        "lichenoid keratosis",
        BENIGN,
        KERATOSIS,
        "lplk, lk, lichen planus like keratosis, lichen planus-like keratosis",
    ),
    ("lentigo", BENIGN, KERATOSIS, "lentigo nos, lentigo simplex, ink-spot lentigo"),
    (
        "solar lentigo",
        BENIGN,
        KERATOSIS,
        "lentigo solaris, senile lentigo, lentigo senilis, solar lentigines",
    ),
    ("dermatofibroma", BENIGN, FIBROMA, "df, dermatofibromas, histiocytoma"),
    (
        "vascular lesion",
        BENIGN,
        VASCULAR,
        "vasc, vascular, vascular lesions, angioma, angiomas, hemangioma, haemangioma, hemangiomas, cherry "
        "angioma, cherry hemangioma, "
        "angiokeratoma, pyogenic granuloma, granuloma pyogenic, hemorrhage, haemorrhage, hematoma, "
        "arteriovenous hemangioma, port wine stain, "
        "venous lake, lymphangioma, vascular lesions and hemorrhage, vascular lesion/hemorrhage, vascular "
        "lesions and haemorrhage, hemorrhagic lesions, telangiectasia, "
        "benign soft tissue proliferations vascular",
    ),
    ("angiofibroma", BENIGN, None, "angiofibroma or fibrous papule, fibrous papule"),
    ("acrochordon", BENIGN, None, "fibroepithelial polyp, skin tag"),
    ("cafe-au-lait macule", BENIGN, None, "cafe au lait macule or patch"),
    (
        "melanotic macule",
        BENIGN,
        None,
        "melanosis, mucosal melanotic macule, acral melanotic macule, ephelis",
    ),
    ("neurofibroma", BENIGN, None, ""),
    ("sebaceous hyperplasia", BENIGN, None, ""),
    ("clear cell acanthoma", BENIGN, None, ""),
    ("epidermal nevus", BENIGN, None, ""),
    ("nevus sebaceus", BENIGN, None, "nevus sebaceous, nevus sebaceous of jadassohn"),
    (
        "inflammatory or infectious disease",
        BENIGN,
        None,
        "inf, inflammatory or infectious diseases, inflammatory or infectious conditions, inflammatory",
    ),
    ("cyst", BENIGN, None, "epidermal cyst, cysts, pilar cyst, mucous cyst, infundibular or epidermal cyst"),
    ("lipoma", BENIGN, None, ""),
    ("verruca", BENIGN, None, "wart, warts, viral wart, verruca vulgaris"),
    ("scar", BENIGN, None, "keloid"),
    (
        "benign",
        BENIGN,
        None,
        "benign other, ben_oth, other benign proliferations, not cancer, non cancer, non malignant, not "
        "malignant",
    ),
)


def normalise(word: Any) -> str:
    """A word as the table spells it: lower case, single spaces, without punctuation.

    Args:
        word: A cell of a table; None and NaN stand for nothing.

    Returns:
        The word; "" for nothing.

    >>> normalise(" Melanoma, NOS"), normalise("cafe-au-lait macule"), normalise(None)
    ('melanoma nos', 'cafe au lait macule', '')
    """
    if word is None or (isinstance(word, float) and math.isnan(word)):
        return ""
    text = str(word).lower().replace("'", "").replace("\u2019", "")  # an apostrophe parts no words
    return " ".join(re.findall(r"[^\W_]+", text))


CLASS_OF = {name: group for name, group, _, _ in VOCABULARY}
SEVEN_OF = {name: key for name, _, key, _ in VOCABULARY}
NAME_OF: dict[str, str] = {}  # by every word for it, as `normalise` spells it
for _name, _group, _key, _words in VOCABULARY:
    for _word in (_name, *_words.split(", ")):
        if _word:
            NAME_OF[normalise(_word)] = _name


def name_diagnosis(word: Any) -> str | None:
    """The diagnosis of the vocabulary that a word stands for, or None.

    Levels of the ISIC archive, which colons part, are tried from the finest on; what is in brackets and after
    the last comma may be a qualifier.

    Args:
        word: As a data set writes it; None, NaN and "" stand for nothing.

    Returns:
        Its name in the vocabulary.

    >>> name_diagnosis("Nevus, Spitz"), name_diagnosis("melanoma (0.76 to 1.5 mm)"), name_diagnosis("a song")
    ('nevus', 'melanoma', None)
    >>> name_diagnosis("Malignant::Malignant epidermal proliferations::Squamous cell carcinoma, Invasive")
    'squamous cell carcinoma'
    """
    if not normalise(word):
        return None
    # The archive writes levels with colons, the most exact last
    for level in reversed(re.split(r":+", str(word))):
        name = NAME_OF.get(normalise(level)) or name_qualified(level)
        if name is not None:
            return name
    return None


def name_qualified(word: str) -> str | None:
    """The diagnosis of a word without its qualifiers, the longest part that is known, or None."""
    parts = re.sub(r"\([^)]*\)", " ", word).split(",")
    # From the whole word down: a qualifier may be part of a name that is known
    for length in range(len(parts), 0, -1):
        name = NAME_OF.get(normalise(",".join(parts[:length])))
        if name is not None:
            return name
    return None


def map_diagnosis(word: Any) -> str | None:
    """Which of the seven `DIAGNOSES` a word of any of the public data sets stands for.

    Args:
        word: A diagnosis or code as a data set writes it, in any case; None and NaN stand for nothing.

    Returns:
        One of `DIAGNOSES`; None where it stands for none of them.

    >>> map_diagnosis("akiec"), map_diagnosis("SEK"), map_diagnosis("neurofibroma")
    ('squamous_cell_carcinoma', 'benign_keratosis', None)
    """
    name = name_diagnosis(word)
    return None if name is None else SEVEN_OF[name]
