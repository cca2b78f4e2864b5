"""Which column of a table names the photograph, which says benign or malignant, and what its words mean.

Tables come from spreadsheets, notebooks and public data sets, each with its own header and spelling. What is
clear is read, and how it was read is written down in a `TableReading`; what is not clear is an error that
names the option by which a user decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from lentigo.datasets.diagnoses import DECIDED, find_policy
from lentigo.datasets.diagnosis_words import (
    BENIGN,
    DIAGNOSES,
    MALIGNANT,
    map_diagnosis,
    name_diagnosis,
    normalise,
)
from lentigo.datasets.groups import GROUP_COLUMNS
from lentigo.datasets.placeholders import blank_ids, blank_placeholders, is_placeholder
from lentigo.errors import DataError, UsageError
from lentigo.images.decoding.formats import SUFFIXES
from lentigo.images.problems import Problem

# Names of columns as `spell_column` writes them, the first that a table has is meant.
IMAGE_COLUMNS = (
    "image",
    "image_id",
    "image_name",
    "isic_id",
    "img_id",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "image_path",
    "image_file",
    "img_path",
    "img_name",
    "img",
    "file",
    "path",
    "photo",
    "photograph",
    "picture",
    "images",
    "ddi_file",
    "bcn_filename",
    "md5hash",
    "derm",
    "name",
    "id",
)
CLASS_COLUMNS = (
    "benign_malignant",
    "malignant",
    "is_malignant",
    "malignancy",
    "three_partition_label",
    "label",
    "target",
    "class",
    "class_name",
    "labels",
    "category",
    "y",
    "ground_truth",
    "gt",
    "outcome",
)
DIAGNOSIS_COLUMNS = (
    "diagnosis",
    "dx",
    "diagnostic",
    "disease",
    "diagnosis_full",
    "iddx_full",
    "diagnosis_name",
    "diagnosis_word",
    *(f"{stem}_{level}" for stem in ("diagnosis", "iddx") for level in range(5, 0, -1)),
    "label",
    "class",
    "class_name",
)
CLASS_WORDS = {
    "0": BENIGN,
    "1": MALIGNANT,
    "false": BENIGN,
    "true": MALIGNANT,
    "no": BENIGN,
    "yes": MALIGNANT,
    "f": BENIGN,
    "t": MALIGNANT,
    "n": BENIGN,
    "y": MALIGNANT,
    "b": BENIGN,
    "m": MALIGNANT,
    "negative": BENIGN,
    "positive": MALIGNANT,
    "neg": BENIGN,
    "pos": MALIGNANT,
    "benign": BENIGN,
    "malignant": MALIGNANT,
    "malign": MALIGNANT,
}
HAM_CODES = frozenset({"akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"})
TEXT_COLUMNS = (
    "also_in",
    "source",
    "license",
    "mask",
    "sha256",
    "split",
    "sex",
    "site",
)  # words even where they look like numbers
LEFT_OUT = "skip"  # what --map makes of a word whose photographs are not wanted
MOST_NAMED = 5  # words or columns that an error quotes


@dataclass(frozen=True)
class TableOptions:
    """What a user says of a table, or of class folders, that does not say it by itself.

    Attributes:
        image: the column that names the photograph; None to find it.
        label: the column that says benign or malignant, or the diagnosis; None to find it.
        mapping: words of that column, or names of class folders, as `normalise` spells them, with `benign`,
            `malignant` or `skip`.
        addresses: whether addresses (s3://, https://) in the table may be asked.
        policy: by which diagnoses become classes (see `lentigo.datasets.diagnoses`); None for the one that
            `choose_policy` finds.
    """

    image: str | None = None
    label: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    addresses: bool = False
    policy: str | None = None


@dataclass(frozen=True)
class TableReading:
    """How a table or class folders were read, for whoever wants to check it.

    Attributes:
        image_column: the column that named the photographs, None for folders.
        label_column: the column that gave the classes, None for folders.
        diagnosis_column: the column or columns that gave diagnoses, None where there was none.
        policy: the policy of `lentigo.datasets.diagnoses` by which diagnoses became classes, None where none
            was needed.
        classes: each word with what it became: `benign`, `malignant`, or why its photographs are left out.
    """

    image_column: str | None
    label_column: str | None
    diagnosis_column: str | None
    policy: str | None
    classes: dict[str, str]

    @property
    def plain(self) -> bool:
        """Whether nothing had to be understood: `image,label` with benign and malignant, 0 and 1."""
        usual = {"benign", "malignant", "0", "1"}
        return (
            self.policy is None
            and {self.image_column, self.label_column} <= {None, "image", "label"}
            and {word.lower() for word in self.classes} <= usual
        )

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)

    def tell(self) -> str:
        """In a sentence: columns, policy, and what each word became."""
        places = [f"photographs from column {self.image_column!r}"] if self.image_column else []
        places.append(
            f"classes from column {self.label_column!r}"
            if self.label_column
            else "classes from the folders' names"
        )
        by_class: dict[str, list[str]] = {}
        for word, group in self.classes.items():
            by_class.setdefault(group, []).append(word)
        means = "; ".join(
            f"{group}: {', '.join(words[:20])}{' ...' if len(words) > 20 else ''}"
            for group, words in by_class.items()
        )
        policy = f" by the policy {self.policy}" if self.policy else ""
        return f"read {' and '.join(places)}{policy}: {means}"


def make_options(
    image: str | None = None,
    label: str | None = None,
    mapping: Iterable[str] = (),
    *,
    addresses: bool = False,
) -> TableOptions:
    """The options of a call; `mapping` are words such as "mel=malignant,nv=benign". Raises `UsageError` for
    one that is no such pair.

    >>> make_options(mapping=["mel=malignant,nv=benign"]).mapping
    {'mel': 'malignant', 'nv': 'benign'}
    """
    pairs: dict[str, str] = {}
    for pair in (pair for text in mapping for pair in text.split(",") if pair.strip()):
        word, equals, meant = pair.rpartition("=")
        group = LEFT_OUT if normalise(meant) == LEFT_OUT else CLASS_WORDS.get(normalise(meant))
        if not equals or not word.strip() or group is None:
            raise UsageError(
                f"--map {pair.strip()!r}: expected WORD=benign, WORD=malignant or WORD={LEFT_OUT}, with "
                "commas between, such as mel=malignant,nv=benign"
            )
        pairs[spell_word(word)] = group
    return TableOptions(image, label, pairs, addresses)


def spell_column(name: object) -> str:
    """A column's name without capitals, spaces and hyphens.

    >>> spell_column(" Image Name"), spell_column("patient-id")
    ('image_name', 'patient_id')
    """
    return re.sub(r"[\s\-]+", "_", str(name).strip().lower())


def spell_word(word: object) -> str:
    """A label's word as mappings spell it: `normalise`, whole numbers without ".0".

    >>> spell_word("1.0"), spell_word(True), spell_word("Melanoma, NOS"), spell_word("0,0")
    ('1', 'true', 'melanoma nos', '0')
    """
    text = str(word).strip()
    number = re.fullmatch(r"([+-]?\d+)[.,]0*", text)
    if number or re.fullmatch(r"[+-]?\d+([.,]\d+)?", text):
        return number.group(1) if number else text
    return normalise(text) or text.lower()


def rename_columns(table: pd.DataFrame) -> pd.DataFrame:
    """The table with columns in lower case and without spaces around, where no two become one; the first of
    equal ones stays.
    """
    names = [str(name).strip() for name in table.columns]
    lower = [spell_column(name) for name in names]
    table = table.set_axis(
        [low if lower.count(low) == 1 else name for low, name in zip(lower, names, strict=True)],
        axis="columns",
    )
    return table.loc[:, ~table.columns.duplicated()]


def choose_column(table: pd.DataFrame, wanted: str | None, option: str, place: object) -> str | None:
    """The column that an option names, None without one. Raises `DataError` where the table has none of that
    name.
    """
    if wanted is None:
        return None
    found = next(
        (name for name in table.columns if name == wanted or spell_column(name) == spell_column(wanted)), None
    )
    if found is None:
        raise DataError(
            f"{place}: has no column {wanted!r}; it has {quote(table.columns)}: {option} names one of these"
        )
    return found


def find_image_column(table: pd.DataFrame, options: TableOptions, place: object) -> str:
    """The column that names photographs. Raises `DataError` where none is known to."""
    chosen = choose_column(table, options.image, "--image-column", place)
    if chosen is not None:
        return chosen
    found = next((name for name in IMAGE_COLUMNS if name in table), None)
    if found is not None:
        return found
    named = [name for name in table.columns if names_images(table[name])]
    if len(named) == 1:
        return named[0]
    seen = (
        f"several columns name photographs ({quote(named)})"
        if named
        else f"no column is known to name the photographs; it has {quote(table.columns)}"
    )
    raise DataError(
        f"{place}: {seen}; expected image, image_id, filename or path: say which it is with --image-column "
        "NAME"
    )


def names_images(words: pd.Series) -> bool:
    """Whether nearly all words of a column end as photographs' names do."""
    known = words.dropna().astype(str)
    return len(known) > 0 and known.str.strip().str.lower().str.endswith(tuple(SUFFIXES)).mean() > 0.9


def find_label_column(table: pd.DataFrame, options: TableOptions, place: object, *, but: str) -> str:
    """The column that says benign or malignant, or from what that follows; `but` is not it. Raises
    `DataError` where there is none.
    """
    chosen = choose_column(table, options.label, "--label-column", place)
    if chosen is not None:
        return chosen
    if "label" in table and "three_partition_label" not in table and but != "label":
        return "label"
    found = [
        name
        for name in (*CLASS_COLUMNS, *DIAGNOSIS_COLUMNS)
        if name in table and name != but and table[name].notna().any()
    ]
    if not found:
        raise DataError(
            f"{place}: no column says benign or malignant; it has {quote(table.columns)}; expected label, "
            "class, target, malignant or diagnosis: "
            "say which it is with --label-column NAME"
        )
    return found[0]


def quote(words: Iterable[object], most: int = 12) -> str:
    """Some words with commas between, and how many more there are."""
    listed = [str(word) for word in words]
    rest = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + rest if listed else "none"


def choose_policy(words: Iterable[str]) -> str:
    """The policy for the words of a label: that of HAM10000 for its seven codes, else the ISIC archive's.

    >>> choose_policy(["akiec", "nv", "mel"]), choose_policy(["AK", "nevus"])
    ('ham10000', 'archive')
    """
    codes = {normalise(word) for word in words}
    return "ham10000" if codes <= HAM_CODES else "archive"


def understand_words(words: Iterable[Any], options: TableOptions) -> tuple[dict[Any, str | None], str | None]:
    """What each word of a label means: benign, malignant, skip, indeterminate, or None where it is not
    understood; and the policy that was needed.
    """
    listed = list(words)
    policy = options.policy or choose_policy(map(str, listed))
    meanings: dict[Any, str | None] = {}
    used = None
    for word in listed:
        spelled = spell_word(word)
        if spelled in options.mapping:
            meanings[word] = options.mapping[spelled]
        elif spelled in CLASS_WORDS:
            meanings[word] = CLASS_WORDS[spelled]
        else:
            name = name_diagnosis(word)
            meanings[word] = None if name is None else find_policy(policy).judge(name, None)
            used = policy if name is not None else used
    return meanings, used


def refuse_unknown(meanings: Mapping[Any, str | None], counts: Mapping[Any, int], what: str) -> None:
    """Raises `DataError` where words are not understood, with the option that says what they mean; `what`
    begins the message.
    """
    unknown = [str(word) for word, meant in meanings.items() if meant is None]
    if not unknown:
        return
    known = [str(word) for word, meant in meanings.items() if meant is not None]
    seen = ", ".join(
        f"{word!r} ({counts[word]})" for word in list(counts) if str(word) in unknown[:MOST_NAMED]
    )
    more = f" and {len(unknown) - MOST_NAMED} other words" if len(unknown) > MOST_NAMED else ""
    beside = f", beside {quote(known, MOST_NAMED)}" if known else ""
    pairs = ",".join(
        f"{word}={group}"
        for word, group in zip(
            unknown, (MALIGNANT, BENIGN) if len(unknown) > 1 else (MALIGNANT,), strict=False
        )
    )
    raise DataError(
        f"{what}: not understood: {seen}{more}{beside}; expected benign, malignant, 0, 1 or diagnoses such "
        "as melanoma, nevus, bcc: "
        f"say what they mean, such as --map {pairs}, or ={LEFT_OUT} to leave them out"
    )


def read_labels(
    table: pd.DataFrame, column: str, options: TableOptions, place: object
) -> tuple[pd.Series, list[str | None], dict[str, str], str | None]:
    """The class of each row, None where it is left out; why it is left out, None where it is not; what each
    word became; the policy used.

    Raises `DataError` where a word is not understood.
    """
    words = blank_labels(table[column], options)
    counts = words.value_counts().to_dict()
    meanings, policy = understand_words(counts, options)
    refuse_unknown(meanings, counts, f"{place}: column {column!r}")
    labels = [meanings.get(word) if meanings.get(word) in DECIDED else None for word in words]
    absent = f"has no {column}: left out; expected benign or malignant"
    why = {
        word: tell_left_out(f"{column} {str(word)!r}", word, meant, policy)
        for word, meant in meanings.items()
    }
    reasons = [why.get(word, absent) for word in words]
    became = {
        str(word).strip(): meant if meant in DECIDED else "left out" for word, meant in meanings.items()
    }
    return pd.Series(labels, index=table.index, dtype=object), reasons, became, policy


def tell_left_out(what: str, word: object, meant: str | None, policy: str | None) -> str | None:
    """Why photographs with a word are left out, None where they are not; `what` begins the sentence."""
    if meant in DECIDED:
        return None
    if meant == LEFT_OUT:
        return f"{what} is left out, as --map says"
    return f"{what} is neither benign nor malignant by the policy {policy}: left out; --map {word}=malignant or {word}=benign takes it"


def blank_labels(words: pd.Series, options: TableOptions) -> pd.Series:
    """The words of a label with None where they say nothing; a word that --map names always says
    something.
    """
    told = {
        word
        for word in words.dropna().unique()
        if spell_word(word) in options.mapping or not is_placeholder(word)
    }
    return words.astype(object).where(words.isin(told), None)


def add_diagnoses(table: pd.DataFrame) -> tuple[pd.DataFrame, str | None]:
    """The table with `diagnosis`, one of the seven `DIAGNOSES` where a column names one, else the word as it
    is written, and `diagnosis_word`, what the table says; and the columns that it was taken from, None
    without any.

    Columns of several levels, such as the ISIC archive's `diagnosis_1` to `diagnosis_5`, are tried from the
    finest on.
    """
    columns = [
        name
        for name in DIAGNOSIS_COLUMNS
        if name in table
        and (name not in ("label", "class", "class_name") or speaks_of_diagnoses(table[name]))
    ]
    if not columns:
        return table, None
    keys: list[str | None] = [None] * len(table)
    written: list[str | None] = [None] * len(table)
    used = []
    for column in columns:
        words = table[column].dropna().unique()
        key_of = {word: map_diagnosis(word) for word in words}
        shown = {word: str(word).strip() if says_diagnosis(word) else None for word in words}
        helps = False
        for row, word in enumerate(table[column]):
            if keys[row] is None and key_of.get(word) is not None:
                keys[row], written[row], helps = key_of[word], shown[word], True
            elif written[row] is None and shown.get(word) is not None:
                written[row], helps = shown[word], True
        if helps:
            used.append(column)
    if not used:
        return table.assign(diagnosis=pd.Series([None] * len(table), index=table.index, dtype=object)), None
    if "diagnosis_word" in table:
        written = [
            said if isinstance(said, str) else word
            for said, word in zip(table["diagnosis_word"], written, strict=True)
        ]
    diagnosis = [word if key is None else key for key, word in zip(keys, written, strict=True)]
    columns_of = {"diagnosis": diagnosis, "diagnosis_word": written}
    told = {name: pd.Series(words, index=table.index, dtype=object) for name, words in columns_of.items()}
    return table.assign(**told), ", ".join(used)


def says_diagnosis(word: Any) -> bool:
    """Whether a word is more than a placeholder or a class.

    >>> says_diagnosis("neurofibroma"), says_diagnosis("unknown"), says_diagnosis("Benign")
    (True, False, False)
    """
    return (
        not is_placeholder(word)
        and spell_word(word) not in CLASS_WORDS
        and name_diagnosis(word) not in (BENIGN, MALIGNANT, "indeterminate")
    )


def speaks_of_diagnoses(words: pd.Series) -> bool:
    """Whether a column of labels names diagnoses, one of them at least."""
    return any(map_diagnosis(word) is not None for word in words.dropna().unique())


def tidy_cells(table: pd.DataFrame) -> pd.DataFrame:
    """The table with placeholders as missing values: ids, and words of split, source, licence, sex, site and
    skin.
    """
    ids = {name: blank_ids(strip_words(table[name])) for name in GROUP_COLUMNS if name in table}
    words = {
        name: blank_placeholders(table[name])
        for name in ("split", "source", "license", "sex", "site", "skin_type", "mask", "also_in")
        if name in table
    }
    if "skin_type" in words:
        words["skin_type"] = words["skin_type"].map(
            lambda word: str(word).strip().removesuffix(".0"), na_action="ignore"
        )
    return table.assign(**ids, **words)


def strip_words(words: pd.Series) -> pd.Series:
    """Words without spaces around; numbers stay."""
    return words.map(lambda word: word.strip() if isinstance(word, str) else word, na_action="ignore")


def list_left_out(images: Iterable[object], reasons: Iterable[str | None]) -> list[Problem]:
    """The photographs that have no class, each with why."""
    return [Problem(str(image), reason) for image, reason in zip(images, reasons, strict=True) if reason]


def count_diagnoses(table: pd.DataFrame) -> tuple[dict[str, int], dict[str, int]]:
    """Photographs of each of the seven diagnoses, and of each other word, the most common first."""
    if "diagnosis" not in table:
        return {}, {}
    counts = table["diagnosis"].value_counts()
    seven = {name: int(counts[name]) for name in DIAGNOSES if name in counts}
    return seven, {str(word): int(n) for word, n in counts.items() if word not in DIAGNOSES}
