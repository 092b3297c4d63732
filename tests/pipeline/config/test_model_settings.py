"""Settings of the model that do not fit the features: refused with their key, before anything runs."""

from __future__ import annotations

import pathlib

import pytest

from tfx_sequence.pipeline.config.problems import ConfigError
from tfx_sequence.pipeline.config.toml_file import load_config


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('[model]\ncell = "gru"\npeepholes = true\n', 'model.peepholes = true: goes with cell = "lstm"'),
        ('[model.heads.tags]\nkind = "crf"\n', "model.heads.tags: no label is called 'tags'; the labels are upos"),
        ('[model.heads.upos]\nkind = "regression"\n', 'model.heads.upos.kind: "regression" is for numbers'),
        ('[model.heads.upos]\npooling = "mean"\n', "model.heads.upos.pooling: is for one label per record"),
        (
            '[model.heads.next]\nkind = "crf"\n[transform.tokens]\nnext = "next"\n',
            'model.heads.next.kind: "crf" does not go with a label of the next step',
        ),
        (
            '[model]\nbidirectional = false\n[transform.tokens]\nprevious = "before"\n',
            "model.bidirectional: must not be false: forwards, 'before' is read before it is predicted",
        ),
        (
            '[training]\nwindow = 50\n[transform.tokens]\nprevious = "before"\n',
            "training.window = 50: does not go with 'before', a label of the previous step",
        ),
        (
            '[features.copy]\nkind = "categorical"\nshift = "next"\n',
            "features.copy: `shift` is for a sequence feature of the role 'label' or 'carried'",
        ),
        (
            '[features."größe"]\nkind = "float"\n',
            'features."größe": an input\'s name must begin with an ASCII letter or a digit',
        ),
        ("[training]\nwindow = 50\n", "training.window = 50: needs model.bidirectional = false"),
        (
            '[model]\nbidirectional = false\n[training]\nwindow = 50\n[model.heads.upos]\nkind = "crf"\n',
            'training.window = 50: does not go with kind = "crf" in model.heads.upos',
        ),
        (
            '[features.copy]\nkind = "categorical"\nrole = "label"\nsource = "FORM"\n',
            'features.copy.source = "FORM": what is to be predicted cannot be an input too, and tokens is',
        ),
    ],
)
def test_load_config_names_the_key_when_the_model_cannot_work(
    config_file: pathlib.Path, more: str, problem: str
) -> None:
    config_file.write_text(config_file.read_text(encoding="utf-8") + more, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_config(config_file)
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("data", "max_steps", "problem"),
    [
        (
            'on_long = "truncate"\nmax_length = 9',
            9,
            'transform.tokens.next = "after": records are truncated to 9 steps',
        ),
        ('on_long = "truncate"\nmax_length = 9', 8, None),
        ('on_long = "reject"\nmax_length = 9', 9, None),
        ('on_long = "split"\nmax_length = 9', 8, 'transform.tokens.next = "after": the records are pieces of longer'),
    ],
)
def test_load_config_names_the_setting_that_needs_the_place_where_the_reader_cut(
    config_file: pathlib.Path, data: str, max_steps: int, problem: str | None
) -> None:
    text = config_file.read_text(encoding="utf-8").replace('format = "conllu"', f'format = "conllu"\n{data}')
    more = f'[sequence]\nmax_steps = {max_steps}\n[transform.tokens]\nnext = "after"\n'
    config_file.write_text(text + more, encoding="utf-8")
    if problem is None:
        load_config(config_file)
        return
    with pytest.raises(ConfigError) as raised:
        load_config(config_file)
    assert problem in str(raised.value)


def test_load_config_notes_the_shift_of_a_feature_of_a_text(config_file: pathlib.Path) -> None:
    text = config_file.read_text(encoding="utf-8").replace('"conllu"', '"text"').replace("FORM", "step")
    config_file.write_text(text + 'source = "next"\n', encoding="utf-8")
    spec = load_config(config_file).spec
    assert {name: feature.shift for name, feature in spec.features.items()} == {"tokens": None, "upos": "next"}
