import json
import re
import shutil

import numpy as np
import pytest

from lentigo.datasets.description import describe_sides
from lentigo.datasets.manifests import load_dataset
from lentigo.evaluation.assessment import evaluate
from lentigo.evaluation.card.checklists import CLAIM, NOT_ANSWERED, TRIPOD
from lentigo.evaluation.card.model_card import build_card, escape_markdown, write_card
from lentigo.evaluation.report import write_report
from lentigo.models.bundle import GRAPH, Bundle, open_bundle


@pytest.fixture(scope="module")
def bundle(run):
    return open_bundle(run)


@pytest.fixture(scope="module")
def text(run):
    return (run / "model_card.md").read_text(encoding="utf-8")


def without(bundle, *names):
    return Bundle(bundle.folder, {key: value for key, value in bundle.card.items() if key not in names})


def with_data(bundle, **changes):
    return Bundle(bundle.folder, bundle.card | {"data": bundle.card["data"] | changes})


def read_tables(text):
    """The tables of a Markdown text, as rows of cells; head and rule first."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE)
    return [[re.split(r"(?<!\\)\|", line)[1:-1] for line in block.splitlines()] for block in blocks]


def read_section(text, title):
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_run_holds_what_its_card_gives(bundle, text):
    assert text == write_card(bundle)


def test_facts_of_the_card_appear(bundle, text):
    card = bundle.card
    facts = [
        bundle.name,
        card["disclaimer"],
        card["architecture"],
        f"{card['parameters']:,}",
        card["input"]["resize"],
        card["files"][GRAPH],
        card["weights"],
        card["threshold_rule"],
        card["data"]["fingerprint"],
        card["calibration"]["note"],
        f"{card['refusal']['distance_limit']:.4g}",
        card["refusal"]["alpha"],
        card["machine"],
        *card["libraries"].values(),
        f"{card['data']['training']} to learn from, {card['data']['validation']} for validation",
    ]
    assert [fact for fact in facts if escape_markdown(fact) not in text] == []


def test_results_stand_with_their_intervals(bundle, text):
    scores, results = bundle.card["metrics"]["validation"], read_section(text, "Results on validation")
    low, high = scores["ci"]["auroc"]
    assert f"| AUROC | {scores['auroc']:.3f} | {low:.3f} to {high:.3f} |" in results
    assert "optimistic" in results and "nothing can be claimed" in results


def test_the_test_split_is_named_as_missing(text):
    assert "`lentigo evaluate RUN DATA --split test" in read_section(text, "Results on test photographs")


def test_what_was_measured_of_it_stands_in_the_card_of_the_weights_in_the_box():
    bundle = open_bundle("bundled")
    said, text = bundle.card["measured"], write_card(bundle)
    assert said["model"].partition("@")[2] == bundle.name.partition("@")[2] and "Not in this RUN" not in text
    for line in (
        f"| AUROC | {said['auroc']:.3f} | {said['ci']['auroc'][0]:.3f} to {said['ci']['auroc'][1]:.3f} |",
        f"| the border of the picture | {said['shortcut_baselines']['border_only_auroc']:.3f} (",
        "| unchanged | ",
        f"| ink | {said['stress'][-2]['auroc']:.3f} (",
    ):
        assert line in text, line
    assert text == (bundle.folder / "model_card.md").read_text(encoding="utf-8")


def test_the_data_are_described(bundle, text):
    section, known = read_section(text, "Training data"), bundle.card["data"]["known"]
    assert "| Licences | CC0-1.0 |" in section and "| Sources | lentigo synthetic lesion |" in section
    assert (
        known["patient_id"] == 48 and "| patient | 48 of 48 |" in section and "| age | unknown |" in section
    )
    assert "Grouped by patient, lesion" in read_section(text, "Validation split")


@pytest.mark.parametrize("checklist, count", [(CLAIM, 44), (TRIPOD, 52)])
def test_every_item_appears_once(text, checklist, count):
    rows = read_tables(read_section(text, checklist.name))[0][2:]
    assert [row[0].strip() for row in rows] == [item.number for item in checklist.items] and len(
        set(checklist.items)
    ) == len(rows) == count
    assert NOT_ANSWERED in rows[1][2]


def test_main_items_have_no_gap():
    numbers = [int(re.sub("[a-z]", "", item.number)) for item in TRIPOD.items]
    assert sorted(set(numbers)) == list(range(1, 28)) and numbers == sorted(numbers)
    assert [int(item.number) for item in CLAIM.items] == list(range(1, 45))


def test_items_name_sections_that_exist(bundle):
    titles = {section.title for section in build_card(bundle)}
    assert {item.section for checklist in (CLAIM, TRIPOD) for item in checklist.items} - {""} <= titles


def test_tables_are_well_formed(text):
    tables = read_tables(text)
    assert len(tables) >= 7
    for table in tables:
        assert {len(row) for row in table} == {len(table[0])} and set(table[1]) == {"---"}, table[0]


def test_unknown_licences_are_said_to_be_unknown(bundle):
    assert "| Licences | unknown" in write_card(with_data(bundle, licenses=[]))
    assert "CC0-1.0; unknown for 8 of 48" in write_card(
        with_data(bundle, known=bundle.card["data"]["known"] | {"license": 40})
    )


def test_data_without_ids_are_said_to_leak(bundle):
    assert "photographs of one person may be in both splits" in write_card(with_data(bundle, known={}))


def test_signs_of_the_data_do_not_break_the_tables(bundle):
    text = write_card(with_data(bundle, name="a|b\n<script>`x", licenses=["[MIT](x)"]))
    assert r"| Name | a\|b \<script>'x |" in text and r"\[MIT](x)" in text
    assert {len(row) for table in read_tables(text) for row in table[:1]} <= {2, 3, 4}


def test_an_older_card_says_what_it_does_not_hold(bundle):
    older = without(bundle, *(set(bundle.card) - {"files", "threshold", "calibration", "backbone", "format"}))
    text = write_card(older)
    assert text.count("not recorded") > 15 and "None" not in text
    for name in bundle.card.keys() - {"files"}:
        assert write_card(without(bundle, name)), name
    for name in bundle.card["data"]:
        assert write_card(
            Bundle(
                bundle.folder,
                bundle.card | {"data": {k: v for k, v in bundle.card["data"].items() if k != name}},
            )
        ), name


@pytest.mark.parametrize(
    "fit, sentence",
    [
        (
            {"kind": "platt", "slope": 0.7, "intercept": -0.4, "n": 200},
            "are 0.7 times the logit, plus -0.4, fitted on 200",
        ),
        (
            {"kind": "beta", "slope": 0.7, "slope_below": 1.2, "intercept": 0.1, "n": 4000},
            "slope 0.7 for large logits, 1.2 for small ones",
        ),
        (
            {"kind": "isotonic", "knots": [0.0, 1.0], "values": [0.1, 0.9], "n": 4000},
            "isotonic map of 2 knots, fitted on 4,000",
        ),
        (
            {"kind": "none", "n": 9, "note": "not calibrated: validation has 4 photographs"},
            "not calibrated: validation has 4 photographs",
        ),
    ],
)
def test_the_calibration_is_described(bundle, fit, sentence):
    card = bundle.card | {"calibration": fit}
    assert sentence in read_section(write_card(Bundle(bundle.folder, card)), "Calibration")


def test_the_precision_is_described(bundle):
    check = {
        "n": 256,
        "decisions_equal": 0.89,
        "auroc_f32": 0.97,
        "auroc_bf16": 0.96,
        "largest_difference": 0.5,
        "neutral": False,
    }
    assert "89.0 % of them" in write_card(Bundle(bundle.folder, bundle.card | {"bf16": check}))
    assert "not measured when this RUN was made" in write_card(
        Bundle(bundle.folder, bundle.card | {"bf16": None})
    )


def test_a_recipe_that_trains_the_backbone_states_its_views(bundle):
    card = bundle.card | {"recipe": bundle.card["recipe"] | {"finetune": True}}
    assert "| Views: rotation (degrees) | 180 |" in write_card(
        Bundle(bundle.folder, card)
    ) and "Views: rotation" not in write_card(bundle)


def test_the_report_holds_the_card_as_html(bundle, run, synthetic_lesions, tmp_path):
    html = write_report(bundle, evaluate(run, synthetic_lesions, split="all"), tmp_path)
    section = html.split('<details class="card">')[1].split("</details>")[0]
    for part in build_card(bundle):
        assert f"<h3>{part.title}</h3>" in section
    rows = re.findall(r"<tr><td>(\w+)</td><td>[^<]*</td><td>", section)
    assert rows[-96:] == [item.number for checklist in (CLAIM, TRIPOD) for item in checklist.items]
    assert (
        f"<td>{bundle.card['metrics']['validation']['auroc']:.3f}</td>" in section
        and "<code>lentigo evaluate RUN DATA" in section
    )


def test_the_report_of_a_training_holds_its_results(run):
    section = (run / "report.html").read_text(encoding="utf-8").split('<details class="card">')[1]
    assert "Results: not recorded" not in section and "optimistic" in section


def test_a_completed_card_leaves_the_run_valid(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    (copy / "model_card.md").write_text("Funding: none.\n", encoding="utf-8")
    assert open_bundle(copy).card == json.loads((run / "card.json").read_text(encoding="utf-8"))


def test_class_folders_name_neither_licence_nor_person(bundle, synthetic_lesions, tmp_path):
    for name in ("benign", "malignant"):
        shutil.copytree(synthetic_lesions / name, tmp_path / "photos" / name)
    dataset = load_dataset(tmp_path / "photos")
    sides = describe_sides(
        dataset.take(np.arange(len(dataset)) % 4 > 0), dataset.take(np.arange(len(dataset)) % 4 == 0)
    )
    assert sides["licenses"] == sides["sources"] == [] and sides["known"] == {} and sides["split"] == "drawn"
    assert (
        sides["training"],
        sides["validation"],
        sides["training_malignant"] + sides["validation_malignant"],
    ) == (36, 12, 24)
    text = write_card(with_data(bundle, **sides))
    assert "| Licences | unknown" in text and "the data do not say age, sex, site on the body" in text
