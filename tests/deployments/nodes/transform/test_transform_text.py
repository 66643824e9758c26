"""Rules for a text that streams: the result does not depend on the pieces, and little is held back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.errors import EngineFailed
from deployments.nodes.transform.replace import MOST_WIDTH, Pattern, Replace
from deployments.nodes.transform.text import JsonOnly, Rule, Rules, StopAfter, Trim, WithoutThinking

TAGS = ["<think>", "</think>", "<thinking>", "</thinking>", "END", "EN", "ab"]
PIECES = st.lists(st.lists(st.sampled_from([*'ab01 \n{}[]\\"<>/cé中', *TAGS]), max_size=6).map("".join), max_size=12)
VALUES = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)
PATTERNS = [
    (r"ab", "X"),
    (r"a{1,3}b", "<\\0>"),
    (r"\bab\b", "W"),
    (r"^a", "S"),
    (r"b$", "E"),
    (r"(?m)^[ab]", "L"),
    (r"(a)(b)?", "\\2\\1"),
    (r"(?i)AB|a", "Y"),
    (r"\d{1,4}", "#"),
    (r"中b?", "M"),
    (r"a|ab$", "P"),
    (r"\n{2,5}", "\n"),
    (r"[^a]b", "\\\\"),
    (r"(?s)a.b", ""),
]
laws = settings(deadline=None, max_examples=40)

RULES: dict[str, Callable[[], Rule]] = {
    "thinking": WithoutThinking,
    "stop": lambda: StopAfter(["END", "ab0"]),
    "json": JsonOnly,
    "trim": Trim,
    **{f"replace {pattern}": lambda p=pattern, w=written: Replace(Pattern(p, w)) for pattern, written in PATTERNS},  # type: ignore[misc]
}


def result(rule: Rule | Rules, pieces: list[str]) -> str:
    try:
        return "".join([*(rule.feed(piece) for piece in pieces), rule.end()])
    except EngineFailed as error:
        return f"failed: {error.message}"


@pytest.mark.parametrize("name", RULES)
@laws
@given(pieces=PIECES)
def test_the_result_does_not_depend_on_the_pieces(name: str, pieces: list[str]) -> None:
    """Any cutting of a text gives the same, character by character and all at once."""
    text = "".join(pieces)
    whole = result(RULES[name](), [text])
    assert result(RULES[name](), pieces) == whole
    assert result(RULES[name](), list(text)) == whole


@pytest.mark.parametrize("name", RULES)
@laws
@given(pieces=PIECES)
def test_no_more_is_held_back_than_is_said(name: str, pieces: list[str]) -> None:
    """What is given out after each piece lacks at most that many characters of what the text so far would give."""
    rule = RULES[name]()
    given_out, fed = "", ""
    for piece in pieces:
        given_out += rule.feed(piece)
        fed += piece
        if name.startswith("replace"):
            # Of the text itself: a replacement may be longer or shorter than what it stands for.
            held = rule._text[rule._at :]  # type: ignore[attr-defined]
            assert len(held) <= rule.hold_back
        elif not (certain := result(RULES[name](), [fed])).startswith("failed"):
            assert certain.startswith(given_out)
            assert len(certain) - len(given_out) <= rule.hold_back


@pytest.mark.parametrize(("pattern", "written"), PATTERNS)
@laws
@given(pieces=PIECES)
def test_replaces_as_the_library_does_in_the_whole_text(pattern: str, written: str, pieces: list[str]) -> None:
    """A match is found wherever the text is cut."""
    text = "".join(pieces)
    expected = re2.compile(pattern).sub(written.replace("\\0", "\\g<0>"), text)
    assert result(Replace(Pattern(pattern, written)), pieces) == expected


@pytest.mark.parametrize("piece", ["a ", "中a "])
def test_many_matches_cost_no_more_than_their_number(piece: str) -> None:
    """Eight times the text in far less than sixty-four times the time, though it comes at once."""

    def took_s(count: int) -> float:
        began_s = time.process_time()
        assert result(Replace(Pattern("a", "b")), [piece * count]) == piece.replace("a", "b") * count
        return time.process_time() - began_s

    assert min(took_s(16000) for _ in range(3)) < 24 * min(took_s(2000) for _ in range(3))


BAD = {
    "unbounded": (r"a+b", "x", "may match more than 256"),
    "too wide": (r"a{300}", "x", "may match more than 256"),
    "matches nothing": (r"a*", "x", "matches where there is nothing"),
    "not linear": (r"(a)\1", "x", "RE2"),
    "looks ahead": (r"a(?=b)", "x", "RE2"),
    "read in two ways": (r"a{,3}b", "x", "{0,n}"),
    "no such group": (r"(a)", "\\2", "group 2 of 1"),
    "no pattern": (r"(a", "x", "pattern"),
}


@pytest.mark.parametrize("case", BAD)
def test_patterns_that_a_stream_cannot_be_searched_for_are_refused(case: str) -> None:
    """The message says what is wrong and what would do."""
    pattern, written, message = BAD[case]
    with pytest.raises(ValueError, match=message.replace("{", r"\{")):
        Pattern(pattern, written)
    assert Pattern("a{1,256}", "x").width == MOST_WIDTH


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("<think>hm</think>\n\nYes.", "Yes."),
        ("A<thinking>b</thinking> c", "Ac"),
        ("a < b <think", "a < b <think"),
        ("never <think>ends", "never "),
        ("<think>a</think><think>b</think>c", "c"),
    ],
)
def test_thoughts_are_left_out(said: str, kept: str) -> None:
    """With the white space after them; what only looks like a tag stays."""
    assert result(WithoutThinking(), list(said)) == kept


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ('Sure! {"a": "}"} Anything else?', '{"a": "}"}'),
        ('```json\n[1, {"b": "\\"]"}]\n```', '[1, {"b": "\\"]"}]'),
        ('{"cut": [1, 2', '{"cut": [1, 2'),
    ],
)
def test_only_the_first_json_value_is_kept(said: str, kept: str) -> None:
    """Brackets in strings do not count; an answer that is cut off stays cut off."""
    rule = JsonOnly()
    assert result(rule, list(said)) == kept
    assert rule.over == (kept[-1] in "]}")


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    ).filter(lambda value: isinstance(value, list | dict))
)
def test_any_json_value_is_found_whole(value: object) -> None:
    """Whatever it holds."""
    assert json.loads(result(JsonOnly(), ["Here: ", json.dumps(value), " [and] {more}"])) == value


def test_no_json_is_a_failure() -> None:
    """So that another branch may answer."""
    with pytest.raises(EngineFailed, match="neither"):
        JsonOnly().end()


def test_rules_apply_one_after_the_other() -> None:
    """Each reads what the one before gives; when one is over, all is."""
    rules = Rules([WithoutThinking(), StopAfter(["END"]), Replace(Pattern("EN", "n")), Trim()])
    assert result(rules, ["<think>END</thi", "nk>  a E", "N", "D b"]) == "a nD"
    assert rules.over
