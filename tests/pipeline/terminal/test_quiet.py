import ctypes
import os
import subprocess
import sys

import pytest

from tfx_sequence.pipeline.terminal.quiet import redirect_noise


def make_noise():
    print("python out")
    print("python err", file=sys.stderr)
    os.write(1, b"descriptor out\n")
    os.write(2, b"descriptor err\n")
    libc = ctypes.CDLL(None)
    libc.puts(b"c out")
    libc.fflush(None)
    subprocess.run(["sh", "-c", "echo child out; echo child err >&2"], check=True)


NOISE = {"python out", "python err", "descriptor out", "descriptor err", "c out", "child out", "child err"}


def test_redirect_noise_sends_noise_to_the_log_and_messages_to_the_streams(tmp_path, capfd):
    log = tmp_path / "log"
    with redirect_noise(str(log)) as streams:
        make_noise()
        print("for the person", file=streams.out)
        print("to the person", file=streams.err)
    print("after")
    print("after all", file=sys.stderr)
    assert set(log.read_text().split("\n")) - {""} == NOISE
    out, err = capfd.readouterr()
    assert out == "for the person\nafter\n"
    assert err == "to the person\nafter all\n"


def test_redirect_noise_restores_the_streams_when_the_block_raises(tmp_path, capfd):
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()

    def interrupted():
        with redirect_noise(str(tmp_path / "log")):
            print("hidden")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    print("seen")
    assert capfd.readouterr() == ("seen\n", "")
    assert (set(os.listdir("/proc/self/fd")) if before else set()) == before
    assert (tmp_path / "log").read_text() == "hidden\n"


def test_redirect_noise_appends_when_the_log_is_there(tmp_path):
    log = tmp_path / "log"
    for word in ("one", "two"):
        with redirect_noise(str(log)):
            os.write(1, word.encode())
    assert log.read_text() == "onetwo"


def test_redirect_noise_escapes_characters_when_the_stream_cannot_encode_them(tmp_path, capfd, monkeypatch):
    class Ascii:
        encoding = "ascii"

        def flush(self):
            pass

    monkeypatch.setattr(sys, "stdout", Ascii())
    with redirect_noise(str(tmp_path / "log")) as streams:
        print("öyle", file=streams.out)
    assert capfd.readouterr().out == "\\xf6yle\n"
