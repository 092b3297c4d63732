import hypothesis.strategies as st
import pytest
from hypothesis import given

from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.spec_toml import from_toml, to_toml


@given(st.data())
def test_spec_comes_back_from_its_toml(specs, data):
    spec = data.draw(specs)
    read = from_toml(to_toml(spec))
    assert read == spec
    assert list(read.features) == list(spec.features)


def test_text_is_that_of_a_config():
    features = {
        "tokens": Feature(kind="token", source="form"),
        "tags.fine": Feature(kind="categorical", role="label", drift=0.1),
    }
    assert to_toml(SequenceSpec(features=features, max_length=9)) == (
        '[features.tokens]\nkind = "token"\nsource = "form"\n\n'
        '[features."tags.fine"]\nkind = "categorical"\nrole = "label"\ndrift = 0.1\n\n'
        "[sequence]\nmax_length = 9\n"
    )


def test_other_tables_of_a_config_are_passed_by():
    text = '[pipeline]\nname = "x"\n[features.t]\nkind = "token"\n[model]\nunits = 3\n'
    assert from_toml(text) == SequenceSpec(features={"t": Feature(kind="token")})


@pytest.mark.parametrize("text", ["[features", '[features.t]\nkind = "word"', "", '[features.t]\nknd = "token"'])
def test_text_that_is_no_spec_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        from_toml(text)
