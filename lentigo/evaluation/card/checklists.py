"""What two reporting guidelines ask, item by item, and where the model card answers it.

CLAIM 2024: Tejani et al., Radiology: Artificial Intelligence 2024, doi 10.1148/ryai.240300, 44 items.
TRIPOD+AI: Collins et al., BMJ 2024, doi 10.1136/bmj-2023-078378, 27 items, 52 with their parts. The numbers
are theirs; the subjects are put in our own words.
"""

from __future__ import annotations

from dataclasses import dataclass

NOT_ANSWERED = "not answered: the authors of a study must"
EVALUATE = "`lentigo evaluate RUN DATA --split test --out report.html`"


@dataclass(frozen=True)
class Item:
    """One item of a guideline.

    Attributes:
        number: In the guideline.
        subject: What it asks, shortened.
        section: The section of the model card that answers it, or "".
        note: What is missing there; without a section, where else the answer is.
    """

    number: str
    subject: str
    section: str = ""
    note: str = ""

    @property
    def answer(self) -> str:
        """Where the item is answered, for the reader of the card.

        >>> Item("20", "level at which the parts are disjoint", "Validation split").answer
        'Validation split'
        >>> Item("44", "funding").answer
        'not answered: the authors of a study must'
        """
        if self.section and self.note:
            return f"{self.section}, in part: {self.note}"
        if self.section:
            return self.section
        if self.note:
            return f"not in this card: {self.note}"
        return NOT_ANSWERED


@dataclass(frozen=True)
class Checklist:
    """A guideline.

    Attributes:
        name: Of the guideline.
        source: Where it was published.
        items: Its items in order.
    """

    name: str
    source: str
    items: tuple[Item, ...]


CLAIM = Checklist(
    "CLAIM 2024",
    "Tejani and others, Radiology: Artificial Intelligence 2024, doi 10.1148/ryai.240300; 44 items",
    (
        Item("1", "title: the kind of AI", "What it is"),
        Item("2", "abstract"),
        Item(
            "3", "background, intended use and role", "Intended use", "the scientific background is missing"
        ),
        Item("4", "aims and hypotheses"),
        Item("5", "prospective or retrospective"),
        Item("6", "goal of the study"),
        Item(
            "7",
            "sources of the data",
            "Training data",
            "where and when the photographs were taken is missing",
        ),
        Item("8", "inclusion and exclusion"),
        Item("9", "preprocessing", "What it is"),
        Item(
            "10",
            "subsets that were selected",
            "Training data",
            "what was selected before Lentigo saw the data is missing",
        ),
        Item("11", "de-identification"),
        Item("12", "missing data", "Training data", "what is not known is listed; why it is missing is not"),
        Item("13", "how the pictures were acquired"),
        Item("14", "reference standard: how it was obtained"),
        Item("15", "reference standard: why this one"),
        Item("16", "reference standard: who annotated"),
        Item("17", "annotation of the test set"),
        Item("18", "agreement between and within raters"),
        Item("19", "how the data were divided", "Validation split"),
        Item("20", "level at which the parts are disjoint", "Validation split"),
        Item("21", "intended sample size"),
        Item("22", "the model in detail", "What it is"),
        Item("23", "software", "Compute"),
        Item("24", "initial weights", "Training"),
        Item("25", "training in detail", "Training", "how many models were trained before is missing"),
        Item("26", "how the final model was chosen", "Training"),
        Item("27", "ensembles", "Training"),
        Item("28", "metrics", "Results on validation"),
        Item("29", "uncertainty and significance", "Results on validation"),
        Item("30", "robustness", "", "`lentigo evaluate --stress` measures it"),
        Item(
            "31",
            "explanations",
            "",
            "`lentigo explain` draws them; whether they are right the authors must show",
        ),
        Item(
            "32",
            "evaluation on internal data",
            "Results on validation",
            "a held-out test split is opened by `lentigo evaluate`",
        ),
        Item(
            "33", "test on external data", "", "`lentigo evaluate RUN DATA` with photographs from elsewhere"
        ),
        Item("34", "registration of a clinical trial"),
        Item(
            "35",
            "numbers included and excluded",
            "Training data",
            "photographs that entered; patients who did not are missing",
        ),
        Item(
            "36",
            "who is in each part: demographics, clinic",
            "Training data",
            "which facts are known is said; how they are distributed is missing",
        ),
        Item("37", "performance with its uncertainty", "Results on validation", "of validation alone"),
        Item(
            "38", "diagnostic performance and its precision", "Results on validation", "of validation alone"
        ),
        Item("39", "analysis of failures", "", f"the worst mistakes are in the report of {EVALUATE}"),
        Item("40", "limitations", "Limits and biases"),
        Item(
            "41",
            "meaning for practice, intended use and role",
            "Intended use",
            "the meaning for practice is missing",
        ),
        Item(
            "42",
            "protocol or further technical details",
            "Training",
            "`card.json` holds every setting; the protocol is missing",
        ),
        Item(
            "43",
            "availability of software, model and data",
            "What it is",
            "the software is open; whether model and data are is missing",
        ),
        Item("44", "funding, other support, role of funders"),
    ),
)

TRIPOD = Checklist(
    "TRIPOD+AI",
    "Collins and others, BMJ 2024, doi 10.1136/bmj-2023-078378; 27 items, 52 with their parts",
    (
        Item("1", "title: model, population, outcome", "What it is", "the target population is missing"),
        Item("2", "abstract"),
        Item("3a", "healthcare context, rationale, earlier models"),
        Item(
            "3b",
            "target population, purpose, users",
            "Intended use",
            "the place in the care pathway is missing",
        ),
        Item("3c", "known health inequalities"),
        Item("4", "objectives"),
        Item(
            "5a",
            "sources of the data, and whom they represent",
            "Training data",
            "whom they represent is missing",
        ),
        Item("5b", "dates of the data"),
        Item("6a", "setting and centres"),
        Item("6b", "eligibility"),
        Item("6c", "treatments received"),
        Item(
            "7",
            "preparation and quality of the data",
            "What it is",
            "the preprocessing; how quality was checked is missing",
        ),
        Item("8a", "outcome: definition, horizon, assessment"),
        Item("8b", "outcome: who assessed it"),
        Item("8c", "outcome: blinding"),
        Item("9a", "predictors: how they were chosen", "What it is"),
        Item(
            "9b",
            "predictors: definition and measurement",
            "What it is",
            "how the photographs were taken is missing",
        ),
        Item("9c", "predictors: who assessed them"),
        Item(
            "10",
            "sample size and its justification",
            "Training data",
            "the numbers; their justification is missing",
        ),
        Item("11", "missing data", "Training data", "what is not known is listed; why it is missing is not"),
        Item("12a", "how the data were used and divided", "Validation split"),
        Item("12b", "how predictors were transformed", "What it is"),
        Item(
            "12c",
            "type of model, its building, tuning, internal validation",
            "Training",
            "why this model and what was tuned before is missing",
        ),
        Item("12d", "heterogeneity between clusters: how it was handled"),
        Item("12e", "measures of performance and plots", "Results on validation"),
        Item("12f", "updating the model: how", "Calibration"),
        Item("12g", "how predictions were calculated", "What it is"),
        Item("13", "class imbalance", "Training"),
        Item("14", "fairness: what was done for it"),
        Item("15", "output and thresholds", "Operating point", "why this rule is missing"),
        Item(
            "16",
            "differences between development and evaluation data",
            "Validation split",
            "of the test data the authors must say it",
        ),
        Item("17", "ethical approval and consent"),
        Item("18a", "funding"),
        Item("18b", "conflicts of interest"),
        Item("18c", "protocol"),
        Item("18d", "registration"),
        Item("18e", "availability of the data"),
        Item(
            "18f",
            "availability of the code",
            "What it is",
            "Lentigo is open; the authors' own code is missing",
        ),
        Item("19", "patients and public: their part"),
        Item("20a", "flow of participants", "Training data", "photographs, not participants"),
        Item(
            "20b",
            "characteristics of the participants",
            "Training data",
            "which facts are known is said; how they are distributed is missing",
        ),
        Item("20c", "evaluation data compared with development data"),
        Item(
            "21", "participants and events in each analysis", "Training data", "photographs, not participants"
        ),
        Item("22", "the full model, for use by others", "What it is", "whether it may be reused is missing"),
        Item(
            "23a",
            "performance with intervals, also of subgroups",
            "Results on validation",
            f"subgroups are in the report of {EVALUATE}",
        ),
        Item(
            "23b",
            "heterogeneity between clusters: results",
            "",
            f"sources and sites, where known, are in the report of {EVALUATE}",
        ),
        Item("24", "updating the model: results", "Calibration"),
        Item("25", "interpretation, with fairness and earlier studies"),
        Item("26", "limitations", "Limits and biases"),
        Item(
            "27a",
            "inputs of poor quality or not available",
            "Refusal",
            "`lentigo predict` also warns of poor photographs; what to do then is missing",
        ),
        Item("27b", "what users must do and know", "Intended use"),
        Item("27c", "next steps of research"),
    ),
)
