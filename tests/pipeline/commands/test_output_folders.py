import pytest


@pytest.mark.parametrize("content", ["folder", "folder/.hidden", "folder/data.jsonl"])
@pytest.mark.parametrize("command", ["convert", "predict"])
def test_folder_that_holds_anything_is_refused_and_stays(write, run, tmp_path, command, content):
    data = write("a", [{"x": ["a"]}, {"x": [1]}])
    path = tmp_path / "out" / content
    path.parent.mkdir(parents=True)
    if content == "folder":
        path.mkdir()
    else:
        path.write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    output = str(tmp_path / "out")
    arguments = [data, output] if command == "convert" else ["model", "--input", data, "--output", output]
    code, _, err = run(command, *arguments, "--feature", "x=token")
    assert code == 2
    assert f"the output folder {output!r} is not empty" in err
    assert sorted(tmp_path.rglob("*")) == before


def test_folder_of_the_input_is_refused_and_stays(write, run, tmp_path):
    data = write("a", [{"x": [1]}], folder="proj")
    code, _, err = run("convert", data, str(tmp_path), "--feature", "x=token")
    assert code == 2
    assert "is not empty" in err
    assert (tmp_path / "proj" / "a.jsonl").exists()
