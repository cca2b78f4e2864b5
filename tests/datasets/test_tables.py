"""Tables are read as spreadsheets and archives write them."""

import pytest

from lentigo.datasets.tables.delimited import guess_encoding, read_delimited, split_header

TEXT = "image{0}label{0}patient_id\nmöle ä.png{0}benign{0}007\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_encoding_and_separator_gives_the_same_table(tmp_path, encoding, separator):
    (tmp_path / "t.csv").write_text(TEXT.format(separator), encoding=encoding)
    table = read_delimited(tmp_path / "t.csv", ["patient_id"])
    assert table.columns.tolist() == ["image", "label", "patient_id"] == split_header(tmp_path / "t.csv")
    assert table.iloc[0].tolist() == ["möle ä.png", "benign", "007"]


@pytest.mark.parametrize("above", ["sep=;\n", "# made by a program\n\n# on Monday\n", "\n\n"])
def test_remarks_above_a_table_are_passed_over(tmp_path, above):
    (tmp_path / "t.csv").write_text(above + "image;label\na.png;1\n")
    assert read_delimited(tmp_path / "t.csv").to_dict("list") == {"image": ["a.png"], "label": [1]}


def test_a_quotation_mark_that_is_never_closed_swallows_no_row(tmp_path):
    (tmp_path / "t.csv").write_text('image,note\na.png,"one\nb.png,"two\n')
    with pytest.raises(ValueError, match="quotation marks of line 3 do not match"):
        read_delimited(tmp_path / "t.csv")


def test_a_cell_may_have_several_lines_quotation_marks_and_any_length(tmp_path):
    (tmp_path / "t.csv").write_text(
        'image,note\na.png,"two\nlines, ""so"" ' + "x" * 200_000 + '"\nb.png,5" wide\n'
    )
    assert read_delimited(tmp_path / "t.csv")["image"].tolist() == ["a.png", "b.png"]


def test_words_stay_words_in_whatever_case_their_column_is_written(tmp_path):
    (tmp_path / "t.csv").write_text("Patient_ID,age\n007,50\n")
    assert read_delimited(tmp_path / "t.csv", ["patient_id"]).iloc[0].tolist() == ["007", 50]


def test_a_table_without_header_has_the_names_that_are_given(tmp_path):
    (tmp_path / "t.csv").write_text("ISIC_0000000,benign\nISIC_0000001,malignant\n")
    table = read_delimited(tmp_path / "t.csv", names=("name", "class"))
    assert table.columns.tolist() == ["name", "class"] and len(table) == 2


def test_a_separator_within_quotes_is_none(tmp_path):
    (tmp_path / "t.csv").write_text('image,"a, b"\n"x, y.png",1\n')
    assert read_delimited(tmp_path / "t.csv").iloc[0].tolist() == ["x, y.png", 1]


def test_a_late_byte_that_is_not_utf_8_is_found(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"image\n" + b"a.png\n" * 300_000 + b"m\xf6le.png\n")
    assert guess_encoding(tmp_path / "t.csv") == "cp1252"
    assert read_delimited(tmp_path / "t.csv")["image"].iloc[-1] == "möle.png"


@pytest.mark.parametrize("content", [b"", b"\n\n", b'a,b\n"1'])
def test_what_is_no_table_is_a_value_error(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError):
        read_delimited(tmp_path / "t.csv")
