"""What is found in a stream is what is found in the whole text, however it is split, and little is held back."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deployments.pii import phone
from deployments.pii.scanner import KINDS, Scanner, find
from tests.deployments.pii.samples import TEXTS, fed, merged, pieces

_PROSE = "It was a bright cold day in April, and the clocks were striking thirteen."
CUTS = st.lists(st.integers(0, 10_000), max_size=30)


def found(text: str) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in find(text)]


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, cuts=CUTS)
@example(text="sk-" + "x7Q" * 200 + " tel: 13800138000", cuts=[199, 200, 201, 202, 203, 205, 400, 401])
def test_every_split_finds_what_the_whole_text_does(text: str, cuts: list[int]) -> None:
    """The segments are the same, and together they are the text."""
    whole = fed(Scanner(), [text])
    assert "".join(one.text for one in whole) == text
    assert fed(Scanner(), pieces(text, cuts)) == whole
    assert fed(Scanner(), list(text)) == whole
    assert merged(Scanner().end(text)) == whole


@settings(max_examples=100, deadline=None)
@given(text=TEXTS, cuts=CUTS)
def test_no_more_is_held_back_than_told(text: str, cuts: list[int]) -> None:
    """At any time."""
    scanner, given_, got = Scanner(), 0, 0
    for part in pieces(text, cuts):
        given_ += len(part)
        got += sum(len(one.text) for one in scanner.feed(part))
        assert given_ - got <= scanner.hold_back


def test_plain_words_are_held_back_for_a_word_at_most() -> None:
    """A stream of prose loses no time."""
    scanner, given_, got = Scanner(), 0, 0
    for word in _PROSE.split():
        given_ += len(word) + 1
        got += sum(len(one.text) for one in scanner.feed(f"{word} "))
        assert given_ - got <= len("April, ")


@pytest.mark.parametrize(
    "text",
    [
        "1 " * 8_000, "10 " * 5_000, "a" * 16_000, "a@" * 8_000, "9" * 16_000, "4111 1111 1111 1112 " * 800,
        "eyJ" * 5_000, "-" * 16_000, "AB12 " * 3_000, "DE89 3704 0044 " * 1_000, "415 555 01 " * 1_500, "::1" * 5_000,
    ],
)  # fmt: skip
def test_time_grows_with_the_length_alone(text: str) -> None:
    """Four times the text takes no more than about four times as long, whatever it is made of."""
    begun_s = time.process_time()
    find(text[: len(text) // 4])
    quarter_s = time.process_time() - begun_s
    find(text)
    whole_s = time.process_time() - begun_s - quarter_s
    assert whole_s < 8 * quarter_s + 0.05


@pytest.mark.parametrize(
    ("column", "most"),
    [("12 34 56 78 90 ", 0), ("001 002 003 ", 6), ("345 678 90 ", 0), ("1234 5678 9012 3456 ", 0), ("010 123 456 ", 2)],
)
def test_columns_of_digits_cost_few_looks_into_the_library(
    column: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not grouped as a phone number is none of the library's business; *most* for each repetition."""
    asked: list[str] = []
    monkeypatch.setattr(phone, "_is_number", lambda number, *_, **__: bool(asked.append(number)))
    find(column * 100)
    assert len(asked) <= 100 * most


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("mail o'brien@x.io.", "EMAIL", "o'brien@x.io"),
        ("邮箱zhang.san@qq.com，", "EMAIL", "zhang.san@qq.com"),
        ("手机１３８００１３８０００。", "PHONE", "１３８００１３８０００"),
        ("call (415) 555-0132 now", "PHONE", "(415) 555-0132"),
        ("+44 20 7946 0958 12 apples", "PHONE", "+44 20 7946 0958"),
        ("座机：010-62345678", "PHONE", "010-62345678"),
        ("身份证11010519491231002X", "CN_ID", "11010519491231002X"),
        ("SSN 536-90-4399", "SSN", "536-90-4399"),
        ("ssn=536-90-4399", "SSN", "536-90-4399"),
        ("?mail=bob%40example.com&x=1", "EMAIL", "bob%40example.com"),
        ("phone=4155550132", "PHONE", "4155550132"),
        ("konto de89370400440532013000", "IBAN", "de89370400440532013000"),
        ("card 4111 1111 1111 1111 exp 12/27", "CARD", "4111 1111 1111 1111"),
        ("IBAN DE89 3704 0044 0532 0130 00 BIC COBADEFFXXX", "IBAN", "DE89 3704 0044 0532 0130 00"),
        ("from 192.168.1.10:8080", "IP", "192.168.1.10"),
        ("at 2001:db8::ff00:42:8329.", "IP", "2001:db8::ff00:42:8329"),
        ("key=sk-proj-abcd1234efgh5678ijkl", "SECRET", "sk-proj-abcd1234efgh5678ijkl"),
        ("HKID A123456(3)", "ID", "A123456(3)"),
        ("台湾身份证A123456789", "ID", "A123456789"),
        ("CPF 529.982.247-25", "ID", "529.982.247-25"),
    ],
)
def test_finds(text: str, kind: str, value: str) -> None:
    """One of each, to the character."""
    assert found(text) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "order 4111111111111111", "订单号13800138000", "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "uuid 123e4567-e89b-12d3-a456-426614174000", "on 2024-01-15 10:30:00", "3.14159265358979",
        "version 1.2.3.4", "v10.0.19045.3803", "127.0.0.1", "std::vector<int> a::b", "12:30:45", "icon@2x.png",
        "git clone git@github.com:org/repo.git", "11010519491231002A", "4111 1111 1111 1112", "DE88 3704 0044 0532",
        "user@localhost", "00:1b:44:11:3a:b7", "1,234,567,890.12", "HttpServletRequestWrapperFactoryBean2",
    ],
)  # fmt: skip
def test_does_not_find(text: str) -> None:
    """What only looks like it."""
    assert found(text) == []


def test_only_what_is_asked_for_is_found() -> None:
    """Kinds that are left out are not looked for."""
    text = "bob@example.com 192.168.1.10"
    assert [span.kind for span in find(text, {"IP"})] == ["IP"]
    assert {"EMAIL", "PHONE", "CN_ID", "SSN", "CARD", "IBAN", "IP", "SECRET", "ID"} == KINDS


def test_a_secret_longer_than_a_match_is_found_to_its_end() -> None:
    """In pieces, none of which is left out."""
    secret = "sk-" + "x7Q" * 300
    assert "".join(value for _, value in found(f"key {secret}, then")) == secret
