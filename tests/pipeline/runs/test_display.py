import io
import re

import pytest
import rich.console

from tfx_sequence.pipeline.runs.display import LiveDisplay, PlainDisplay, make_display
from tfx_sequence.pipeline.runs.progress import format_number, format_progress, format_seconds

EPOCH = {"epoch": 3, "epochs": 20, "loss": 0.41213, "eval_accuracy": 0.9, "tokens_per_second": 12345.6}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def show(display):
    with display:
        display.show_message("Loading ...")
        display.show_plan(["Read", "Train", "Push"])
        display.show_start("Read")
        display.show_end("Read", "reused", 0.04)
        display.show_start("Train")
        display.show_training(EPOCH)
        display.show_end("Train", "failed", 75)


def test_plain_display_writes_a_line_for_each_event():
    stream = io.StringIO()
    show(PlainDisplay(stream))
    assert stream.getvalue().splitlines() == [
        "Loading ...",
        "3 components to run",
        "Read: running",
        "Read: reused (0.0 s)",
        "Train: running",
        "Train: epoch 3/20  loss 0.4121  eval accuracy 0.9000  tokens per second 12,346",
        "Train: failed (1:15 min)",
    ]


def test_live_display_leaves_the_last_state_of_every_component(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    stream = Terminal()
    show(LiveDisplay(stream))
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    last = [line.split() for line in re.split(r"[\r\n]+", text) if line.strip()][-3:]
    assert last[0] == ["=", "Read", "reused", "0.0", "s"]
    assert last[1][:5] == ["✗", "Train", "failed", "1:15", "min"]
    assert " ".join(last[1][5:]) == "epoch 3/20 loss 0.4121 eval accuracy 0.9000 tokens per second 12,346"
    assert last[2] == ["·", "Push", "pending"]
    assert stream.getvalue().endswith("\x1b[?25h"), "the cursor must be seen again"


TRIALS = [
    {"number": 1, "trials": 3, "settings": {"model.units": 64, "model.dropout": 0.25}, "score": 0.91234},
    {"number": 2, "trials": 3, "settings": {"model.units": 7, "model.dropout": 1 / 3}, "score": None, "error": "bad"},
    {"number": 3, "trials": 3, "settings": {"model.units": 128, "model.dropout": 0.5}},
]


def test_plain_display_writes_a_line_when_a_trial_begins_and_when_it_ends():
    stream = io.StringIO()
    display = PlainDisplay(stream)
    display.show_start("Tuner")
    for trial in TRIALS:
        display.show_trial(trial)
    assert stream.getvalue().splitlines()[1:] == [
        "Tuner: trial 1/3  score 0.9123",
        "Tuner: trial 2/3  failed: bad",
        "Tuner: trial 3/3  model.units 128  model.dropout 0.5",
    ]


def test_live_display_shows_the_trials_as_a_table_while_their_component_runs(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    stream = Terminal()

    def shown():
        console = rich.console.Console(file=io.StringIO(), width=160)
        console.print(display)
        return [line.strip() for line in console.file.getvalue().splitlines()]

    with LiveDisplay(stream) as display:
        display.show_plan(["Tuner", "Trainer"])
        display.show_start("Tuner")
        for trial in TRIALS:
            display.show_trial(trial)
        assert shown()[-4:] == [
            "number  score    model.units  model.dropout",
            "1       0.9123   64           0.25           best",
            "2       failed   7            0.3333",
            "3       running  128          0.5",
        ]
        display.show_end("Tuner", "ran", 1)
        assert len(shown()) == 2


def test_live_display_shows_the_cursor_again_when_interrupted(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()

    def interrupted():
        with LiveDisplay(stream) as display:
            display.show_message("Loading ...")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert stream.getvalue().endswith("\x1b[?25h")


@pytest.mark.parametrize(
    ("stream", "term", "expected"),
    [
        (Terminal(), "xterm-256color", LiveDisplay),
        (Terminal(), "dumb", PlainDisplay),
        (io.StringIO(), "xterm-256color", PlainDisplay),
    ],
)
def test_display_is_live_only_when_the_stream_is_a_terminal(monkeypatch, stream, term, expected):
    monkeypatch.setenv("TERM", term)
    assert isinstance(make_display(stream), expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12345, "12,345"),
        (3, "3"),
        (485.0, "485"),
        (1.0, "1.0000"),
        (0.93754, "0.9375"),
        (1234.5, "1,234"),
        (-0.5, "-0.5000"),
    ],
)
def test_number_text_fits_the_kind_of_number(value, expected):
    assert format_number(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1:00 min"), (185.4, "3:05 min"), (3600, "60:00 min")],
)
def test_time_text_reads_well_at_any_length(seconds, expected):
    assert format_seconds(seconds) == expected


def test_epoch_text_tells_only_the_epoch_when_nothing_was_measured():
    assert format_progress({"epoch": 1, "epochs": 2}) == "epoch 1/2"


def test_epoch_text_tells_how_far_the_epoch_is_and_what_is_left():
    numbers = {"epoch": 1, "epochs": 2, "batch": 30, "batches": 400, "loss": 0.5, "seconds_left": 65.0}
    assert format_progress(numbers) == "epoch 1/2  batch 30/400  loss 0.5000  1:05 min left"
    del numbers["batches"], numbers["seconds_left"]
    assert format_progress(numbers) == "epoch 1/2  batch 30  loss 0.5000"


def test_plain_display_writes_a_line_within_an_epoch_only_now_and_then():
    now = 100.0
    stream = io.StringIO()
    display = PlainDisplay(stream, clock=lambda: now)
    for batch in range(1, 9):
        now += 10
        display.show_training({"epoch": 1, "epochs": 2, "batch": batch})
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == ["3", "6"]
