"""The table of record rules: it agrees with the reasons and with the docs, and installed packages add to it."""

import re

import pytest
from support.entry_points import install_entry_points
from support.paths import ROOT

from tfx_sequence.schemas.checks.record_checker import RecordChecker
from tfx_sequence.schemas.checks.rules import RULES, FeatureRule, RecordRule, RuleError, load_rules
from tfx_sequence.schemas.records.rejects import Reason
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import to_schema

FOUND_ELSEWHERE = {
    Reason.MALFORMED,  # By readers, in files,
    Reason.EMPTY_FILE,
    Reason.INCONSISTENT,  # in rows that make a record,
    Reason.OUT_OF_RANGE,  # in values that no SequenceExample can hold,
    Reason.DUPLICATE_KEY,  # and by `KeyIndex`, which looks at all records together.
}


def test_every_reason_is_that_of_a_rule_or_found_elsewhere():
    assert {*RULES.rows, *FOUND_ELSEWHERE} == set(Reason)
    assert not FOUND_ELSEWHERE & set(RULES.rows)


@pytest.mark.parametrize("name", RULES.rows)
def test_rule_is_named_like_its_reason(name):
    rule = RULES.load(name)
    assert rule.reason is Reason(name)
    assert rule.__name__ == "".join(word.capitalize() for word in name.split("_"))
    assert issubclass(rule, (RecordRule, FeatureRule))


def test_rules_are_applied_in_the_order_of_the_table():
    assert [rule.reason for rule in load_rules()] == list(RULES.rows)


def test_docs_list_every_rule():
    (table,) = re.findall(r"^\| Rule \|.*?\n\n", (ROOT / "docs" / "validation.md").read_text("utf-8"), re.M | re.S)
    names = {name for row in table.strip().splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert names == {*RULES.rows, Reason.DUPLICATE_KEY.value}


@pytest.fixture
def install(tmp_path, monkeypatch):
    def install_rules(**targets):
        install_entry_points(tmp_path, RULES.group, **targets)
        monkeypatch.syspath_prepend(tmp_path)

    return install_rules


SPEC = SequenceSpec(features={"tokens": Feature(kind="token"), "tags": Feature(kind="categorical", role="label")})


def test_rule_of_an_installed_package_finds_records_under_its_own_reason(example, install):
    install(too_many_urls="support.own_rules:TooManyUrls")
    records = [
        example({}, {"tokens": ["http://a", "b"], "tags": ["X", "Y"]}),
        example({}, {"tokens": ["http://a", "b", "https://c"], "tags": ["X", "Y", "http"]}),
        example({}, {"tokens": [1, 2], "tags": ["X", "Y"]}),
    ]
    found = RecordChecker(to_schema(SPEC)).check(records, file="f").findings
    assert [(str(group.reason), group.feature, group.count) for group in found.groups] == [
        ("too_many_urls", "tokens", 1),
        ("wrong_type", "tokens", 1),
    ]
    assert str(found.groups[0].first_rejects[0]) == (
        "file f, record 1\ntoo_many_urls: `tokens` has 2 URLs\n"
        "The record begins: tags: ['X', 'Y', 'http'], tokens: ['http://a', 'b', 'https://c']"
    )
    assert type(found).model_validate_json(found.model_dump_json()) == found


def test_rule_of_the_docs_finds_records(example, install, tmp_path):
    text = (ROOT / "docs" / "validation.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n([^`]*class TooManyUrls.*?)```", text, re.S)
    ((name, target),) = re.findall(r'^(\w+) = "(my_package.rules:\w+)"$', text, re.M)
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "rules.py").write_text(code)
    install(**{name: target})
    records = [example({}, {"tokens": ["http://a"] * urls, "tags": ["X"] * urls}) for urls in (3, 4)]
    (group,) = RecordChecker(to_schema(SPEC)).check(records).findings.groups
    assert (group.reason, group.feature) == ("too_many_urls", "tokens")
    assert [(reject.record, reject.message) for reject in group.first_rejects] == [(1, "4 URLs")]


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        (
            "gone",
            "support.own_rules:Gone",
            "the rule 'gone', but its class cannot be imported",
        ),
        ("odd", "collections:Counter", "'odd' is <class 'collections.Counter'>, expected a class derived from"),
        ("TOO-MANY", "support.own_rules:Shouting", "'TOO-MANY' needs a reason of lower-case letters, digits"),
        ("odd", "support.own_rules:TooManyUrls", "'odd' has the reason 'too_many_urls'; its entry point must be named"),
    ],
)
def test_rule_of_an_installed_package_is_refused_when_it_cannot_be_used(install, name, target, message):
    install(**{name: target})
    with pytest.raises(RuleError, match=re.escape(message)):
        RecordChecker(to_schema(SPEC))
