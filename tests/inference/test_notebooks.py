"""Results in a notebook: sequences, tables, pictures and figures."""

import dataclasses
import shutil

import numpy as np
import pytest
from PIL import Image

import lentigo
from lentigo.audit.audit import Audit
from lentigo.duplicates.duplicates import Duplicates
from lentigo.errors import DataError, ImageError, UsageError
from lentigo.evaluation.assessment import Assessment
from lentigo.inference.explanation import Explanation
from lentigo.inference.lesions.segmentation import Segmentation
from lentigo.inference.results import Prediction, Predictions


@pytest.fixture(scope="module")
def paths(synthetic_lesions):
    return sorted((synthetic_lesions / "malignant").glob("synthetic_*.jpg"))[:3]


@pytest.fixture(scope="module")
def predictions(toy_run, paths):
    return lentigo.predict([*paths, b"no photograph"], toy_run())


def test_one_photograph_gives_one_prediction_however_it_is_given(toy_run, paths):
    expected = lentigo.predict(paths[:1], toy_run())[0]
    with Image.open(paths[0]) as image, paths[0].open("rb") as file:
        for given in (str(paths[0]), paths[0], paths[0].read_bytes(), image, np.asarray(image), file):
            prediction = lentigo.predict(given, toy_run())
            assert isinstance(prediction, Prediction) and prediction.probability == expected.probability


def test_a_folder_and_a_list_give_a_sequence(toy_run, paths, tmp_path):
    shutil.copy(paths[0], tmp_path)
    for several in (tmp_path, [paths[0]]):
        assert isinstance(lentigo.predict(several, toy_run()), Predictions)


def test_one_photograph_that_cannot_be_read_is_an_error(toy_run, bad):
    with pytest.raises(ImageError, match=r"bad\.jpg"):
        lentigo.predict(bad, toy_run())


def test_an_empty_list_is_an_error(toy_run):
    with pytest.raises(DataError, match="the list is empty"):
        lentigo.predict([], toy_run())


def test_a_sequence_has_a_length_an_order_and_slices(predictions, paths):
    assert len(predictions) == 3 and [one.image for one in predictions] == list(map(str, paths))
    assert predictions[-1] == list(predictions)[2]
    assert isinstance(predictions[1:], Predictions) and predictions[1:].problems == ()
    assert len(predictions.problems) == 1


def test_a_table_has_a_row_for_each(predictions):
    frame = predictions.to_frame()
    assert list(frame["probability"]) == [one.probability for one in predictions]
    assert list(predictions[0].to_frame()["image"]) == [predictions[0].image]


def test_a_notebook_shows_picture_probability_threshold_decision_and_problems(predictions):
    html = predictions._repr_html_()
    assert html.count('<img src="data:image/jpeg;base64,') == 3
    assert f"P(malignant) {predictions[0].probability:.3f}, threshold 0.500" in html
    assert html.count("<b style") == 3 and "1 left out" in html


def test_a_notebook_shows_no_probability_of_what_is_refused(predictions):
    refused = Prediction("x.jpg", "uncertain", 0.9, 0.5, False, "toy", 0.0, reason="no <lesion>")
    html = refused._repr_html_()
    assert "P(malignant) 0.9" not in html and "no &lt;lesion&gt;" in html


def test_the_outline_is_drawn_where_it_is_asked_for(toy_run, paths):
    pixels = np.asarray(Image.open(paths[0]))
    plain = lentigo.predict(pixels, toy_run())
    outlined = lentigo.predict(pixels, toy_run(), outline=True)
    assert (plain.thumbnail != outlined.thumbnail and outlined == plain) or outlined.seconds != plain.seconds
    assert "thumbnail" not in outlined.to_json()


def test_many_rows_are_counted(predictions):
    many = Predictions(predictions.predictions * 30, ())
    assert "and 40 more" in many._repr_html_()


def test_explanations_of_photographs_in_memory_have_figures(toy_run, paths):
    explanations = lentigo.explain([np.asarray(Image.open(paths[0])), paths[1]], toy_run())
    assert explanations._repr_html_().count("<img") == 2
    width, height = explanations[0].figure().get_size_inches()
    assert width > height > 3
    assert list(explanations.to_frame()["heatmap"][0].shape) == [7, 7]


def test_figures_show_themselves_without_pyplot(toy_run, paths):
    figure = lentigo.explain(paths[0], toy_run()).figure()
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_segmentations_and_detections_show_pictures_and_tables(toy_run, paths):
    pixels = np.asarray(Image.open(paths[0]))
    for verb, column in ((lentigo.segment, "area_px"), (lentigo.detect, "score")):
        several = verb([pixels, paths[1]], toy_run())
        assert several._repr_html_().count("<img") == 2 and column in several.to_frame()
        alone = verb(pixels, toy_run())
        assert alone.figure().get_size_inches()[0] > 1 and "<img" in alone._repr_html_()


def test_files_of_photographs_in_memory_have_their_names(toy_run, paths, tmp_path):
    pixels = np.asarray(Image.open(paths[0]))
    lentigo.explain([pixels, pixels], toy_run(), out=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "photograph 1.png",
        "photograph 2.png",
    ]


def test_tab_completes_the_verbs():
    assert {"predict", "explain", "train", "load_dataset", "show_progress"} <= set(dir(lentigo))


def test_a_loaded_model_gives_probabilities_embeddings_and_predictions(run, paths):
    model = lentigo.load_model(run)
    pixels = [np.asarray(Image.open(path)) for path in paths]
    probabilities = model.predict_proba(pixels)
    predictions = model.predict(paths)
    assert probabilities.shape == (3, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(probabilities[:, 1], [one.probability for one in predictions], atol=1e-6)
    embedding = model.embed(np.stack([model.preprocess(image)[0] for image in pixels]))
    assert embedding.shape == (3, 576) and embedding.dtype == np.float32
    np.testing.assert_allclose(model.session.run(model.preprocess(paths))["embedding"], embedding, atol=1e-3)


def test_a_loaded_model_refuses_what_it_cannot_follow(run, bad):
    model = lentigo.load_model(run)
    with pytest.raises(ImageError, match=r"bad\.jpg"):
        model.predict_proba([bad])
    with pytest.raises(UsageError, match="'size' is no setting of a model; expected one of fp32"):
        lentigo.load_model(run, size=3)


def test_a_pipeline_of_scikit_learn_learns_on_embeddings(run, synthetic_lesions):
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    images = sorted(synthetic_lesions.glob("*/synthetic_*.jpg"))[::4]
    labels = np.array([path.parent.name for path in images])
    model = lentigo.load_model(run)
    pipeline = make_pipeline(model, StandardScaler(), LogisticRegression())
    assert clone(pipeline)[0] is model
    scores = cross_val_score(pipeline, np.array(images, dtype=object), labels, cv=2)
    assert scores.shape == (2,) and np.isfinite(scores).all()
    assert pipeline.fit(images, labels).score(images, labels) == 1.0  # more numbers than photographs
    alone = make_pipeline(model)
    assert alone.fit(images, labels).predict_proba(images[:2]).shape == (2, 2)
    assert 0 <= accuracy_score(labels, model.predict(images)) <= 1
    assert model.set_params(alpha=0.0).get_params()["alpha"] == 0.0


# --- on a terminal


def test_no_result_prints_its_arrays_and_tables():
    for kind in (Assessment, Audit, Duplicates, Explanation, Segmentation):
        for one in dataclasses.fields(kind):
            is_large = any(word in str(one.type) for word in ("ndarray", "DataFrame", "Dataset"))
            assert not (is_large and one.repr), f"{kind.__name__}.{one.name}"
