"""Bars in a terminal, lines elsewhere."""

import pytest

from ban_tf import progress
from ban_tf.progress import Bar


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr(progress, "is_terminal", lambda: True)


def test_a_pipe_gets_a_line_per_stage_and_no_control_codes(capsys):
    with Bar(4, "training") as bar:
        bar.wait("compiling")
        bar.resume("epoch 1/2")
        bar.update(2, note="loss 1.0")
        bar.stage("epoch 1/2")
        bar.set_title("epoch 2/2")
        bar.update(2, note="loss 0.5")
        bar.stage("epoch 2/2")
        progress.above_bar("scores")
    written = capsys.readouterr().err
    assert written.splitlines() == [
        "training ...",
        "compiling ...",
        "epoch 1/2, 0:00, 0:00 left",
        "epoch 2/2, 0:00, 0:00 left",
        "training: done in 0:00",
    ]
    assert not set(written) & set("\r\x1b\b")


def test_a_terminal_shows_the_wait_in_place_of_a_bar_at_0(terminal, capsys):
    bar = Bar(4, "training")
    bar.wait("compiling the first step")
    shown = capsys.readouterr().err.split("\r")[-1].strip()
    assert shown == "compiling the first step"
    bar.resume("epoch 1/2")
    bar.update(1, note="loss 1.0")
    bar.close()
    last = capsys.readouterr().err.split("\r")[-1].strip()
    assert last.startswith("epoch 1/2:  25%|")
    assert "1/4" in last
    assert "left, loss 1.0" in last


def test_the_wait_says_nothing_about_the_speed(terminal, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    bar = Bar(10, "training")
    bar.wait("compiling")
    now[0] += 30
    bar.resume("epoch 1")
    now[0] += 2
    bar.update(1)
    assert bar.times() == "0:02, 0:18 left"
    bar.close()


def test_what_was_done_before_says_nothing_about_the_speed(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    bar = Bar(10, "training", initial=8)
    now[0] = 5.0
    assert bar.times() == "0:05"
    bar.update()
    assert bar.times() == "0:05, 0:05 left"


def test_an_error_leaves_no_done(capsys):
    with pytest.raises(KeyboardInterrupt), Bar(4, "reading"):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "reading ...\n"


@pytest.mark.parametrize("is_terminal", [False, True])
def test_nothing_is_shown_of_nothing_or_where_it_is_not_wanted(is_terminal, capsys, monkeypatch):
    monkeypatch.setattr(progress, "is_terminal", lambda: is_terminal)
    for total, shown in ((0, True), (5, False)):
        with Bar(total, "reading", shown=shown) as bar:
            bar.wait("waiting")
            bar.resume("reading")
            bar.update(2, note="half")
            bar.stage("half")
            bar.set_total(6)
        assert bar.done == 2
    assert capsys.readouterr().err == ""


def test_a_total_is_never_below_what_is_done():
    bar = Bar(4, "evaluating")
    bar.update(6)
    bar.set_total(5)
    assert bar.times().endswith("0:00 left")


def test_what_a_command_waits_for_is_taken_away_in_a_terminal(terminal, capsys):
    with progress.waiting("loading"):
        assert capsys.readouterr().err == "loading ..."
    assert capsys.readouterr().err == "\r           \r"


def test_what_a_command_waits_for_is_taken_away_after_a_failure_too(terminal, capsys):
    with pytest.raises(ImportError), progress.waiting("loading"):
        raise ImportError
    assert capsys.readouterr().err.endswith("\r")


def test_a_pipe_is_told_of_no_wait(capsys):
    with progress.waiting("loading"):
        pass
    assert capsys.readouterr().err == ""
