import os
import signal
import subprocess
import sys

from tfx.types import standard_artifacts

from tfx_sequence.components.sequence_example_gen.component import SequenceExampleGen
from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.executor import Executor
from tfx_sequence.schemas.spec import Feature, SequenceSpec

INGEST = """
import os, sys, time
from tfx_sequence.components.owned_folders import hold_folder
os.makedirs(f"{sys.argv[1]}/Split-train")
open(f"{sys.argv[1]}/Split-train/data_tfrecord-00000-of-00002.gz", "w").close()
with hold_folder(f"{sys.argv[1]}/_staging"):
    print("holds", flush=True)
    time.sleep(60)
"""


def read(data, output):
    component = SequenceExampleGen(
        input_base=str(data),
        spec=SequenceSpec(features={"x": Feature(kind="token")}),
        read=ReadConfig(format="jsonl"),
    )
    examples = standard_artifacts.Examples()
    examples.uri = str(output)
    properties = {key: value for key, value in component.spec.exec_properties.items() if value is not None}
    Executor().Do({}, {"examples": [examples]}, properties)


def test_next_run_removes_the_output_of_a_killed_one_by_its_mark(tmp_path):
    data, outputs = tmp_path / "data", tmp_path / "examples"
    data.mkdir()
    (data / "a.jsonl").write_text('{"x": ["a"]}\n{"x": ["b"]}\n{"x": ["c"]}\n{"x": ["d"]}\n')
    # A folder that happens to have the same name is no mark.
    (outputs / "1" / "_staging").mkdir(parents=True)
    process = subprocess.Popen([sys.executable, "-c", INGEST, outputs / "2"], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "holds\n"
    read(data, outputs / "3")
    assert sorted(os.listdir(outputs)) == ["1", "2", "3"]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    read(data, outputs / "4")
    assert sorted(os.listdir(outputs)) == ["1", "3", "4"]
    assert sorted(os.listdir(outputs / "4")) == ["Split-eval", "Split-train"]
