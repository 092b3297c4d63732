import pytest

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig
from tfx_sequence.components.sequence_example_gen.config_checks import check_settings
from tfx_sequence.components.sequence_example_gen.readers.table import READERS
from tfx_sequence.schemas.spec import Feature, SequenceSpec

TOKENS = {"x": Feature(kind="token")}
NESTED = {"x": Feature(kind="token", nested=True)}
MARK = {"piece": Feature(kind="integer", context=True, source="@piece")}
FORMATS_OF_LISTS = [name for name, row in READERS.rows.items() if row.holds_lists]
LONG_FORM = ReadConfig(format="csv", options={"group_by": ["user"]})


@pytest.mark.parametrize(
    ("features", "read", "split", "message"),
    [
        (TOKENS, LONG_FORM, SplitConfig(by="index"), "in long form it has none"),
        (TOKENS, ReadConfig(format="jsonl"), SplitConfig(by="time"), "by = 'time' needs"),
        (TOKENS | MARK, ReadConfig(format="jsonl"), SplitConfig(features=("piece",)), "the spec has x"),
        (TOKENS | MARK, ReadConfig(format="sequence_example"), None, "written unchanged"),
        (TOKENS, ReadConfig(format="csv"), None, "group_by"),
        (TOKENS, ReadConfig(format="npz", encoding="latin-1"), None, "files of the format 'npz' are binary"),
        (
            NESTED,
            ReadConfig(format="conllu"),
            None,
            "`x` is nested, but a step has one value in the format 'conllu'; formats of nested features are "
            + ", ".join(FORMATS_OF_LISTS),
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(features, read, split, message):
    with pytest.raises(ValueError, match=message):
        check_settings(SequenceSpec(features=features), read, split)


@pytest.mark.parametrize("split", [None, SplitConfig(), SplitConfig(features=("x",))])
def test_settings_that_fit_pass(split):
    check_settings(SequenceSpec(features=TOKENS), LONG_FORM, split)


@pytest.mark.parametrize("format_", FORMATS_OF_LISTS)
def test_formats_of_lists_take_nested_features(format_):
    check_settings(SequenceSpec(features=NESTED), ReadConfig(format=format_), None)


def test_a_split_without_shares_is_refused():
    with pytest.raises(ValueError, match="`shares` is empty"):
        SplitConfig(shares={})


@pytest.mark.parametrize("name", ["latin-2000", "rot13", "hex"])
def test_an_encoding_that_is_not_of_text_is_refused(name):
    with pytest.raises(ValueError, match=f"'{name}' is no encoding of text"):
        ReadConfig(format="csv", encoding=name)


@pytest.mark.parametrize("name", ["utf8", "UTF-8", "utf_8"])
def test_all_names_of_utf_8_are_one(name):
    assert ReadConfig(format="csv", encoding=name) == ReadConfig(format="csv")
