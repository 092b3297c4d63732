"""Reads thousands of damaged files of every format, and checks that nothing crashes and that no unit is silently lost.

    python benchmarks/fuzz_readers.py
    python benchmarks/fuzz_readers.py --inputs 20000 jsonl "text, windows"
    python benchmarks/fuzz_readers.py --atheris jsonl -max_total_time=60

The formats are the keys of `FORMATS` in `tests/support/fuzzed_readers.py`; without names, all are read. The table has
one row a format: the number of files, how many of them crashed a reader, broke a promise or lost a unit without a word,
and the peak memory of the process above that of the imports. With `--atheris`, `pip install atheris` chooses the files
by the code that they reach, without an end; the arguments after the name of the one format are libFuzzer's. The exit
code is 0 if every promise held.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import traceback
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

DEFAULT_INPUTS = 2000

_MAX_SHOWN_PROBLEMS = 3
"""The maximum number of problems of a format that are printed with their seeds, from which their files can be made."""


class Outcome(NamedTuple):
    """The numbers of one row of the table."""

    num_files: int
    crashes: int
    broken_promises: int
    silent_losses: int
    peak_megabytes: int


def fuzz_format(name: str, inputs: int) -> Outcome:
    """Reads fuzzed files of a format in this process."""
    from support.fuzzed_readers import FORMATS, check_promises, find_lost_units, fuzz

    # Some modules are imported at their first use; they do not count as memory of the reader.
    check_promises(name, FORMATS[name].valid)
    memory_before = _read_peak_kilobytes()
    crashes = broken_promises = silent_losses = 0
    for seed in range(inputs):
        fuzzed = fuzz(name, seed)
        try:
            results = check_promises(name, fuzzed.data)
            lost_units = find_lost_units(name, results, fuzzed.touched)
        except AssertionError:
            broken_promises += 1
            _show_problem(name, seed, broken_promises)
        except Exception:
            crashes += 1
            _show_problem(name, seed, crashes)
        else:
            if lost_units:
                silent_losses += 1
                print(f"{name}, seed {seed}: the units {lost_units} are lost", file=sys.stderr)
    peak_megabytes = (_read_peak_kilobytes() - memory_before) // 1024
    return Outcome(inputs, crashes, broken_promises, silent_losses, peak_megabytes)


def _read_peak_kilobytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _show_problem(name: str, seed: int, number: int) -> None:
    if number <= _MAX_SHOWN_PROBLEMS:
        print(f"{name}, seed {seed}:\n{traceback.format_exc()}", file=sys.stderr)


def fuzz_with_atheris(name: str, arguments: list[str]) -> None:
    """Fuzzes a format without an end, or until libFuzzer's arguments say so."""
    import atheris

    with atheris.instrument_imports(include=["tfx_sequence"]):
        from support.fuzzed_readers import FORMATS, check_promises

    # Some modules are imported at their first use; that run must not count as slow.
    check_promises(name, FORMATS[name].valid)
    with tempfile.TemporaryDirectory() as corpus:
        (Path(corpus) / "valid").write_bytes(FORMATS[name].valid)
        atheris.Setup(
            [sys.argv[0], "-report_slow_units=60", *arguments, corpus],
            lambda data: check_promises(name, data),
        )
        atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*", help="the formats; all by default")
    parser.add_argument("--inputs", type=int, default=DEFAULT_INPUTS, help="the number of files of a format")
    parser.add_argument("--atheris", action="store_true", help="choose the files of one format by the code they reach")
    arguments, others = parser.parse_known_args()
    if arguments.atheris:
        fuzz_with_atheris(arguments.formats[0], others)
        return 0
    from support.fuzzed_readers import FORMATS

    print("| format | files | crashes | broken promises | silent losses | peak memory, MB |")
    print("|---|---|---|---|---|---|")
    is_good = True
    # Each format has a process of its own, so that the peak memory is that of its files.
    for name in arguments.formats or FORMATS:
        with multiprocessing.get_context("fork").Pool(1) as pool:
            outcome = pool.apply(fuzz_format, (name, arguments.inputs))
        print(f"| {name} | {' | '.join(f'{number:,}' for number in outcome)} |", flush=True)
        is_good = is_good and not (outcome.crashes or outcome.broken_promises or outcome.silent_losses)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
