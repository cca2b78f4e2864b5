import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from json_schemas import hold_schema

from lentigo.cli.completion import complete, find_completion


def start(*words):
    """Starts the command as a process, to talk to while it runs, and deaf to no Ctrl-C, as what a shell
    starts in the background is.
    """
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from lentigo.cli.app "
        "import main; main()"
    )
    command = [sys.executable, "-c", code, *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


COMMANDS = [
    "train",
    "evaluate",
    "predict",
    "explain",
    "segment",
    "detect",
    "export",
    "audit",
    "bench",
    "info",
    "compare",
    "tune",
    *(f"data {verb}" for verb in ("info", "split", "synth", "import", "get")),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(lentigo, command):
    result = lentigo(*command.split(), "--help")
    assert result.returncode == 0 and f"Example: lentigo {command}" in result.stdout


def test_predict_writes_one_object_a_line(lentigo, run, image):
    result = lentigo("predict", image, image, "--model", run, "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 0 and len(lines) == 2
    assert set(lines[0]) >= {
        "image",
        "label",
        "probability",
        "threshold",
        "in_distribution",
        "model",
        "seconds",
        "reason",
        "warnings",
    }


def test_a_bad_photograph_among_good_ones_is_listed(lentigo, run, image, bad):
    result = lentigo("predict", image, bad, image, "--model", run, "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 3
    assert set(lines[1]) == {"image", "error"} and "probability" in lines[2]
    assert str(bad) in result.stderr


def test_paths_come_on_standard_input(lentigo, run, image):
    result = lentigo("predict", "-", "--model", run, stdin=f"{image}\n\n{image}\n")
    assert result.returncode == 0 and len(result.stdout.splitlines()) == 2


def test_answers_go_to_a_table_too(lentigo, run, image, bad, tmp_path):
    lentigo("predict", image, bad, "--model", run, "--csv", tmp_path / "answers.csv")
    with (tmp_path / "answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [str(image)] and 0 <= float(rows[0]["probability"]) <= 1


def test_ten_bad_photographs_among_sixty_are_named_and_the_others_answered(
    lentigo, run, synthetic_lesions, tmp_path
):
    good = sorted(synthetic_lesions.glob("*/synthetic_*.jpg"))
    for number in range(60):
        content = good[number % len(good)].read_bytes()
        (tmp_path / f"{number:02d}.jpg").write_bytes(content[: 40 * number] if number % 6 == 3 else content)
    result = lentigo("predict", tmp_path, "--model", run, "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 3 and [line["image"] for line in lines] == [
        str(tmp_path / f"{number:02d}.jpg") for number in range(60)
    ]
    assert [number for number, line in enumerate(lines) if "error" in line] == list(range(3, 60, 6))
    assert result.stderr.splitlines()[0] == "10 left out:" and all(
        f"/{number:02d}.jpg: " in result.stderr for number in range(3, 60, 6)
    )


def test_names_on_standard_input_are_answered_before_it_ends_in_their_order(run, image, tmp_path):
    names = [image, tmp_path / "none.jpg", tmp_path, image] * (
        10 * os.cpu_count() + 25
    )  # more than is read ahead
    with start("predict", "-", "--model", run, "--json") as process:
        process.stdin.write("".join(f"{name}\n" for name in names))
        process.stdin.flush()
        first = [json.loads(process.stdout.readline()) for _ in range(50)]
        process.stdin.close()
        lines = first + [json.loads(line) for line in process.stdout]
        assert process.wait() == 3
    assert [line["image"] for line in lines] == [str(name) for name in names]
    assert ["error" in line for line in lines[:4]] == [False, True, True, False]


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_no_name_on_standard_input_is_one_line(lentigo, run, tmp_path, command):
    result = lentigo(
        command, "-", "--model", run, *(["--out", tmp_path] if command == "explain" else []), stdin="\n\n"
    )
    assert (
        result.returncode == 4
        and "no photograph was named" in result.stderr
        and len(result.stderr.splitlines()) == 1
    )


def test_ctrl_c_keeps_what_was_answered(run, image, tmp_path):
    with start("predict", "-", "--model", run, "--json", "--csv", tmp_path / "answers.csv") as process:
        process.stdin.write(f"{image}\n" * (40 * os.cpu_count() + 100))
        process.stdin.flush()  # and stays open: this command does not end by itself
        lines = [process.stdout.readline() for _ in range(50)]
        process.send_signal(signal.SIGINT)
        lines += process.stdout.readlines()
        assert process.wait() == 130
        errors = process.stderr.read()
    with (tmp_path / "answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert errors == f"lentigo: stopped; {len(rows)} photographs answered\n"
    assert len(rows) - len(lines) in (0, 1)  # one may have been answered and not yet printed
    assert [row["image"] for row in rows[: len(lines)]] == [json.loads(line)["image"] for line in lines]


def test_ctrl_c_keeps_the_figures_that_were_drawn(run, synthetic_lesions, tmp_path):
    with start(
        "explain",
        synthetic_lesions / "benign",
        synthetic_lesions / "malignant",
        "--model",
        run,
        "--out",
        tmp_path,
        "--json",
    ) as process:
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        drawn = [first, *map(json.loads, process.stdout)]
        assert process.wait() == 130
        words = process.stderr.read()
    assert (
        words in [f"lentigo: stopped; {len(drawn) + more} of 48 photographs answered\n" for more in (0, 1)]
        and len(drawn) < 48
    )
    assert {str(path) for path in tmp_path.glob("[!.]*")} >= {line["figure"] for line in drawn}


def test_ctrl_c_ends_every_command_with_a_word(tmp_path):
    with start("data", "synth", "--out", tmp_path, "--count", "5000") as process:
        while (
            len(list(tmp_path.glob("masks/[!.]*.png"))) < 2
        ):  # nothing is left to import: Python drops a Ctrl-C that falls into the end of an import
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130 and process.stderr.read() == "lentigo: stopped\n"


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_reader_that_leaves_ends_the_command_quietly(run, image, more):
    with start("predict", *[image] * 100, "--model", run, *more) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait() == 0 and process.stderr.read() == ""


def test_a_model_that_cannot_be_used_is_one_line(lentigo, image, tmp_path):
    result = lentigo("predict", image, "--model", tmp_path)
    assert result.returncode == 4 and len(result.stderr.splitlines()) == 1 and str(tmp_path) in result.stderr


def test_a_wrong_option_is_code_2(lentigo, synthetic_lesions, tmp_path):
    assert lentigo("train", synthetic_lesions, "--out", tmp_path / "run", "--recipe", "bets").returncode == 2
    assert lentigo("predict").returncode == 2
    assert lentigo("data", "synth", "--out", tmp_path, "--count", "0").returncode == 2


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        ([], "holds no class folder"),
        (["benign", "malignent"], "rename it to malignant"),
        (["benign", "malignant", "unsure"], "'unsure' is unknown"),
        (["benign", "malignant"], "are empty"),
    ],
)
def test_a_folder_that_is_no_data_set_is_one_line(lentigo, tmp_path, folders, words):
    for name in folders:
        (tmp_path / "photos" / name).mkdir(parents=True)
    (tmp_path / "photos").mkdir(exist_ok=True)
    result = lentigo("data", "info", tmp_path / "photos")
    assert result.returncode == 4 and len(result.stderr.splitlines()) == 1 and words in result.stderr


def test_info_of_data_draws_two_pictures(lentigo, synthetic_lesions, tmp_path):
    result = lentigo("data", "info", synthetic_lesions, "--json", "--out", tmp_path)
    facts = json.loads(result.stdout)
    assert facts["counts"] == {"unsplit": {"benign": 24, "malignant": 24}} and facts["sizes"] == {
        "224x224": 48
    }
    assert (tmp_path / "samples.png").is_file() and (tmp_path / "counts.png").is_file()


def test_split_writes_a_manifest_that_is_read(lentigo, synthetic_lesions, tmp_path):
    result = lentigo("data", "split", synthetic_lesions, "--out", tmp_path / "split.csv", "--json")
    facts = json.loads(result.stdout)
    assert (
        result.returncode == 0
        and facts["n"] == 48
        and set(facts["shares"]) == {"train", "validation", "test"}
        and facts["duplicates"]["groups"] == 8
    )
    counted = json.loads(lentigo("data", "info", tmp_path / "split.csv", "--json").stdout)["counts"]
    assert {
        split: sum(row["n"] for row in facts["counts"] if row["split"] == split) for split in counted
    } == {split: sum(c.values()) for split, c in counted.items()}


def test_split_says_how_close_it_came_and_keeps_what_was(lentigo, synthetic_lesions, tmp_path):
    first = lentigo("data", "split", synthetic_lesions, "--out", tmp_path / "split.csv", "--test", "0")
    assert (
        first.returncode == 0
        and "(80 % asked)" in first.stdout
        and "furthest from its share, in photographs: label" in first.stdout
    )
    again = lentigo(
        "data", "split", synthetic_lesions, "--out", tmp_path / "split.csv", "--test", "0", "--seed", "7"
    )
    assert again.returncode == 2 and "is there already" in again.stderr
    kept = lentigo(
        "data",
        "split",
        synthetic_lesions,
        "--out",
        tmp_path / "split.csv",
        "--test",
        "0",
        "--seed",
        "7",
        "--keep",
        tmp_path / "split.csv",
    )
    assert kept.returncode == 0 and "48 stay as the earlier manifest has them" in kept.stdout


def test_split_lists_what_it_cannot_read_and_conflicts(lentigo, synthetic_lesions, tmp_path):
    for label in ("benign", "malignant"):
        shutil.copytree(synthetic_lesions / label, tmp_path / "photos" / label)
    (tmp_path / "photos" / "benign" / "bad.jpg").write_bytes(b"no photograph")
    first = sorted((synthetic_lesions / "benign").iterdir())[0]
    shutil.copy(first, tmp_path / "photos" / "malignant" / first.name)
    result = lentigo(
        "data", "split", tmp_path / "photos", "--out", tmp_path / "split.csv", "--drop-conflicts"
    )
    assert (
        result.returncode == 3
        and "bad.jpg" in result.stderr
        and "both labels: 1 lesion or picture;" in result.stdout
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--test", "0.6", "--validation", "0.5"], "expected 0 to 1 each"),
        (["--test", "x"], "'--test'"),
        (["--out", "split.json"], "ending in .csv or .parquet"),
    ],
)
def test_a_split_that_makes_no_sense_is_code_2(lentigo, synthetic_lesions, tmp_path, options, words):
    result = lentigo(
        "data",
        "split",
        synthetic_lesions,
        *([] if "--out" in options else ["--out", tmp_path / "split.csv"]),
        *options,
    )
    assert result.returncode == 2 and words in result.stderr and not (tmp_path / "split.csv").exists()


def test_train_refuses_a_split_that_leaks_in_one_line(lentigo, synthetic_lesions, tmp_path):
    for split in ("train", "test"):
        for label in ("benign", "malignant"):
            shutil.copytree(synthetic_lesions / label, tmp_path / "photos" / split / label)
    result = lentigo(
        "train",
        tmp_path / "photos",
        "--out",
        tmp_path / "run",
        "--recipe",
        "seed",
        "--weights",
        "none",
        "--backbone",
        "mobilenetv3small",
    )
    assert result.returncode == 4 and len(result.stderr.splitlines()) == 1 and not (tmp_path / "run").exists()
    assert all(
        words in result.stderr
        for words in (
            "48 of 48 train and 48 of 48 test photographs",
            "lentigo data split",
            "--leaks drop",
            "--leaks allow",
        )
    )
    other = lentigo("train", tmp_path / "photos", "--out", tmp_path / "run", "--leaks", "perhaps")
    assert other.returncode == 2 and "expected one of refuse, drop, allow" in other.stderr


def test_a_marked_run_says_so_before_it_answers(lentigo, run, image, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    card = json.loads((folder / "card.json").read_text())
    leaks = {
        "photographs": {"train": 3, "test": 2},
        "of": {"train": 30, "test": 10},
        "kinds": {"near": 2},
        "examples": [],
    }
    (folder / "card.json").write_text(json.dumps({**card, "leaks": leaks}))
    result = lentigo("predict", image, "--model", folder, "--json")
    assert result.returncode == 0 and len(result.stdout.splitlines()) == 1
    assert result.stderr.startswith(
        "Trained on a split that leaks: 3 of 30 train and 2 of 10 test photographs"
    )


def test_a_full_disk_is_one_line(lentigo, synthetic_lesions, tmp_path):
    (tmp_path / "file").write_text("")
    result = lentigo("data", "synth", "--out", tmp_path / "file" / "below", "--count", "1")
    assert result.returncode == 4 and "could not be written" in result.stderr


def test_train_speaks_json_and_says_nothing_else(trained):
    facts = json.loads((trained / "stdout.txt").read_text())
    hold_schema("train", "lentigo train --json", [facts])
    assert facts["run"] == str(trained / "seed") and facts["validation"]["n"] > 0
    assert (trained / "stderr.txt").read_text() == ""


@pytest.mark.check
def test_a_training_in_a_process_of_its_own_says_nothing_else(synthetic_lesions, weight_file, tmp_path):
    """TensorFlow writes past Python, and most of it when it is imported."""
    recipe = ["--recipe", "seed", "--backbone", "mobilenetv3small", "--epochs", "1"]
    places = [synthetic_lesions, "--out", tmp_path / "run", "--weights", weight_file("mobilenetv3small")]
    command = [sys.executable, "-m", "lentigo", "train", *map(str, places), *recipe, "--json"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0 and result.stderr == ""
    assert json.loads(result.stdout)["run"] == str(tmp_path / "run")


def test_export_fills_an_empty_folder_and_says_how_far_the_answers_differ(lentigo, run, tmp_path):
    out = tmp_path / "lesions"
    out.mkdir()
    result = lentigo("export", run, "--format", "openvino", "--out", out, "--json")
    assert result.returncode == 0 and result.stderr == ""
    assert {path.name for path in out.iterdir()} == {"model.xml", "model.bin"}
    facts = json.loads(result.stdout)
    hold_schema("export", "lentigo export --json", [facts])
    assert facts["path"] == str(out / "model.xml") and facts["largest_difference"] < 1e-3


def test_export_to_a_place_that_is_taken_is_code_2(lentigo, run, tmp_path):
    (tmp_path / "lesions.onnx").write_text("mine")
    result = lentigo("export", run, "--format", "onnx", "--out", tmp_path / "lesions.onnx")
    assert result.returncode == 2 and len(result.stderr.splitlines()) == 1


def test_audit_prints_the_object_of_the_contract_and_lists_what_cannot_be_read(
    lentigo, synthetic_lesions, bad, tmp_path
):
    shutil.copytree(synthetic_lesions / "benign", tmp_path / "photos")
    shutil.copy(bad, tmp_path / "photos")
    result = lentigo("audit", tmp_path / "photos", "--json", "--out", tmp_path / "audit.html")
    assert result.returncode == 3 and "bad.jpg" in result.stderr
    facts = json.loads(result.stdout)
    lesions = [
        {name.rsplit("_", 1)[0] for name in (duplicate["a"], duplicate["b"])}
        for duplicate in facts["duplicates"]
    ]
    assert lesions and all(len(names) == 1 for names in lesions)  # views of one synthetic lesion
    assert len(facts["unreadable"]) == 1 and (tmp_path / "audit.html").is_file()


def test_an_import_of_a_published_set_trains_nobody_on_what_it_does_not_say(lentigo, tmp_path, image):
    (tmp_path / "PAD" / "imgs_part_1").mkdir(parents=True)
    rows = [("PAT_1_1_1.png", "MEL"), ("PAT_2_2_2.png", "NEV"), ("PAT_3_3_3.png", "ACK")]
    for number, (name, _) in enumerate(rows):
        (tmp_path / "PAD" / "imgs_part_1" / name).write_bytes(image.read_bytes() + bytes(number))
    (tmp_path / "PAD" / "metadata.csv").write_text(
        "img_id,diagnostic\n" + "".join(f"{name},{word}\n" for name, word in rows)
    )
    result = lentigo("data", "import", tmp_path / "PAD", "--out", tmp_path / "manifest.csv", "--json")
    answer = json.loads(result.stdout)
    assert (
        result.returncode == 3
        and answer["n"] == 2
        and answer["left_out"] == {"ACK": 1}
        and answer["policy"]["name"] == "archive"
    )
    assert "PAT_3_3_3: diagnostic 'ACK' is neither benign nor malignant: left out" in result.stderr
    words = lentigo(
        "data", "import", tmp_path / "PAD", "--out", tmp_path / "manifest.csv", "--policy", "pad-ufes-20"
    )
    assert (
        words.returncode == 0
        and "3 photographs, 1 malignant, by the policy pad-ufes-20" in words.stdout
        and words.stderr == ""
    )
    assert lentigo("data", "info", tmp_path / "manifest.csv").returncode == 0


@pytest.mark.parametrize(
    "options, code, message",
    [
        (["--policy", "mine"], 2, "policy 'mine' is unknown"),
        (["--kind", "isic"], 2, "kind 'isic' is unknown; expected one of ham10000"),
        ([], 4, "of no kind that is known; expected one of ham10000"),
    ],
)
def test_an_import_that_cannot_be_is_one_line(lentigo, tmp_path, image, options, code, message):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.jpg").write_bytes(image.read_bytes())
    result = lentigo("data", "import", tmp_path / "set", "--out", tmp_path / "m.csv", *options)
    assert result.returncode == code and message in result.stderr and len(result.stderr.splitlines()) == 1


def test_segment_writes_one_object_a_line_and_lists_a_bad_photograph(lentigo, toy_run, image, bad, tmp_path):
    result = lentigo(
        "segment",
        image,
        bad,
        "--out",
        tmp_path / "out",
        "--model",
        toy_run(),
        "--mm-per-pixel",
        "0.1",
        "--json",
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 3 and str(bad) in result.stderr and set(lines[1]) == {"image", "error"}
    assert set(lines[0]) >= {
        "mask",
        "overlay",
        "area_px",
        "area_mm2",
        "diameter_px",
        "diameter_mm",
        "border_irregularity",
        "asymmetry",
        "colours",
        "colour_spread",
    }


def test_detect_writes_one_object_a_line_and_lists_a_bad_photograph(lentigo, toy_run, image, bad, tmp_path):
    result = lentigo("detect", image, bad, "--model", toy_run(), "--out", tmp_path / "out", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 3 and set(lines[1]) == {"image", "error"}
    assert (
        lines[0]["image"] == str(image)
        and isinstance(lines[0]["boxes"], list)
        and (tmp_path / "out" / f"{image.stem}_boxes.jpg").is_file()
    )


@pytest.mark.parametrize("command", ["segment", "detect"])
def test_lesions_are_told_to_people_in_lines(lentigo, toy_run, image, tmp_path, command):
    result = lentigo(command, image, "--out", tmp_path, "--model", toy_run())
    assert (
        result.returncode == 0
        and str(image) in result.stdout
        and ("lesion" in result.stdout or " across" in result.stdout)
    )


@pytest.mark.parametrize("command", ["segment", "detect"])
def test_a_run_without_a_decoder_is_one_line(lentigo, toy_run, image, tmp_path, command):
    result = lentigo(command, image, "--out", tmp_path, "--model", toy_run("logit", "embedding", "heatmap"))
    assert (
        result.returncode == 4
        and len(result.stderr.splitlines()) == 1
        and "lentigo train MASKS --masks --out RUN" in result.stderr
    )


@pytest.mark.parametrize(
    "words", [["--mm-per-pixel", "0"], ["--mm-per-pixel", "0.1", "--scales", "scales.csv"]]
)
def test_a_scale_that_is_none_is_code_2(lentigo, toy_run, image, tmp_path, words):
    result = lentigo("segment", image, "--out", tmp_path, "--model", toy_run(), *words)
    assert result.returncode == 2 and len(result.stderr.splitlines()) == 1


def test_scales_come_from_a_table(lentigo, toy_run, image, tmp_path):
    (tmp_path / "scales.csv").write_text(f"image,mm_per_pixel\n{image},0.05\n")
    result = lentigo(
        "segment",
        image,
        "--out",
        tmp_path / "out",
        "--model",
        toy_run(),
        "--scales",
        tmp_path / "scales.csv",
        "--json",
    )
    facts = json.loads(result.stdout)
    assert facts["diameter_mm"] == pytest.approx(0.05 * facts["diameter_px"])


def test_a_table_of_answers_holds_no_formula(lentigo, toy_run, image, tmp_path, monkeypatch):
    shutil.copy(image, tmp_path / "=1+1.jpg")
    monkeypatch.chdir(tmp_path)
    assert lentigo("predict", "=1+1.jpg", "--model", toy_run(), "--csv", "answers.csv").returncode == 0
    with (tmp_path / "answers.csv").open(newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == ["'=1+1.jpg"]


def test_many_photographs_end_with_a_summary(lentigo, toy_run, synthetic_lesions, bad):
    result = lentigo("predict", synthetic_lesions / "benign", bad, "--model", toy_run())
    labels = [line.split()[0] for line in result.stdout.splitlines()]
    words = result.stderr.splitlines()[-1]
    assert words.startswith(
        f"{len(labels) + 1} photographs: {labels.count('malignant')} malignant, {labels.count('benign')} "
        "benign, "
    )
    assert ", 1 left out; threshold 0.500, model toy@" in words


def test_one_photograph_has_no_summary(lentigo, toy_run, image):
    assert lentigo("predict", image, "--model", toy_run()).stderr == ""


def test_the_version_is_to_be_had(lentigo):
    assert lentigo("--version").stdout.startswith("lentigo 0.")


def complete_from_sh(words, **variables):
    """Asks for a completion as make does, whose shell is sh; with no other variables than these."""
    # Two commands, so that sh waits instead of becoming Python
    script = f'"$0" -m lentigo {words}; code=$?; exit $code'
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)} | variables
    return subprocess.run(
        ["/bin/sh", "-c", script, sys.executable],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )


@pytest.mark.parametrize(
    ("words", "variables"),
    [("bash", {}), ("=bash", {}), ("bash", {"SHELL": "/bin/zsh"}), ("", {"SHELL": "/usr/bin/bash"})],
)
def test_the_named_shell_gets_its_completion_whoever_calls(words, variables):
    option = "--show-completion" + ("" if words.startswith("=") else " ")
    result = complete_from_sh(option + words, **variables)
    assert (
        result.stdout.startswith("_lentigo_completion() {")
        and "_LENTIGO_COMPLETE=complete_bash" in result.stdout
    ), result.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish", "pwsh"])
def test_other_shells_get_theirs(shell):
    assert "_LENTIGO_COMPLETE" in complete(*find_completion(["--show-completion", shell]))


def test_a_completion_is_installed_for_the_shell_that_is_named(tmp_path):
    result = complete_from_sh("--install-completion fish", HOME=str(tmp_path), SHELL="/bin/bash")
    assert result.returncode == 0 and (tmp_path / ".config/fish/completions/lentigo.fish").is_file()


@pytest.mark.parametrize(
    "words", ["--show-completion csh", "--show-completion bash zsh", "--install-completion tcsh"]
)
def test_a_shell_that_completes_nothing_is_one_line(lentigo, words, tmp_path):
    result = lentigo(*words.split(), SHELL="/bin/sh", HOME=str(tmp_path))
    assert result.returncode == 2 and result.stderr.count("\n") == 1 and "expected one" in result.stderr


def test_a_caller_that_completes_nothing_is_one_line(tmp_path):
    result = complete_from_sh("--show-completion", SHELL="/bin/sh", HOME=str(tmp_path))
    assert result.returncode == 2 and result.stderr.count("\n") == 1 and "expected one" in result.stderr


def test_info_says_what_a_run_is(lentigo, run):
    facts = json.loads(lentigo("info", run, "--json").stdout)
    assert (
        facts["backbone"] == "mobilenetv3small"
        and facts["folder"] == str(run)
        and "validation" in facts["results"]
    )
    words = lentigo("info", run).stdout
    assert words.startswith("RUN: seed@") and "threshold: " in words and "validation, " in words


def test_a_report_under_the_name_of_another_format_is_refused(lentigo, run, synthetic_lesions, tmp_path):
    for words in (["evaluate", run, synthetic_lesions], ["audit", synthetic_lesions]):
        result = lentigo(*words, "--out", tmp_path / "report.pdf")
        assert (
            result.returncode == 2
            and "expected a name ending in .html" in result.stderr
            and len(result.stderr.splitlines()) == 1
        )


def test_explain_without_out_draws_where_one_is(lentigo, toy_run, image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert lentigo("explain", image, "--model", toy_run()).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"{image.stem}_explained.png"]


def test_explain_without_out_draws_nothing_for_machines(lentigo, toy_run, image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = lentigo("explain", image, "--model", toy_run(), "--json")
    facts = json.loads(result.stdout)
    assert "heatmap" in facts and "figure" not in facts and list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_one_line_and_no_error(lentigo, synthetic_lesions, tmp_path):
    (tmp_path / "file").write_text("")
    result = lentigo(
        "data",
        "split",
        synthetic_lesions,
        "--out",
        tmp_path / "split.csv",
        LENTIGO_CACHE=str(tmp_path / "file"),
    )
    assert result.returncode == 0 and len(result.stderr.splitlines()) == 1
    assert (
        result.stderr.startswith(f"lentigo: {tmp_path / 'file'}: the cache cannot be written (")
        and "set LENTIGO_CACHE" in result.stderr
    )


def test_a_ledger_that_cannot_be_written_is_one_line_at_once(lentigo, run, synthetic_lesions, tmp_path):
    (tmp_path / "file").write_text("")
    result = lentigo(
        "evaluate", run, synthetic_lesions, LENTIGO_LEDGER=str(tmp_path / "file" / "ledger.jsonl")
    )
    assert (
        result.returncode == 4
        and len(result.stderr.splitlines()) == 1
        and "set LENTIGO_LEDGER" in result.stderr
    )
