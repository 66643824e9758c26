"""Texts for the search of personal data, and ways to split them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from deployments.finding import Finder, Segment

VALUES = (
    "bob.smith+x@mail.example.co.uk", "o'brien@x.io", "张三@例子.com", "josé@example.com", "+86 138 0013 8000",
    "13800138000", "１３８００１３８０００", "(415) 555-0132", "+44 20 7946 0958", "010-62345678", "400-820-8820",
    "11010519491231002X", "536-90-4399", "4111 1111 1111 1111", "378282246310005", "DE89 3704 0044 0532 0130 00",
    "192.168.1.10", "2001:db8::ff00:42:8329", "sk-proj-abcd1234efgh5678ijkl", "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", "A123456(3)", "529.982.247-25",
    "Zq8rT2mXv9LkP4sWn7Yc3BdF", "eyJ" + "aB3" * 150, "sk-" + "x7Q" * 200,
)  # fmt: skip
OTHERS = (
    " ", "  ", ", ", "。", "，", "\n", "(", ")", " (", ") ", "-", ".", ":", "/", "@", "1", "12", " 3", "4 5 6 7 8",
    "a", "Z",
    "tel: ", "order no. ", "订单号", "api key: ", "sha256 ", "v", "version ", "ssn ", "9" * 40, "ab" * 200, "1 " * 200,
    "<EMAIL_1>", "the ", "Ω", "😀", "\\", '"', "'", "\u3000", "–",
)  # fmt: skip
TEXTS = st.lists(st.one_of(st.sampled_from(VALUES), st.sampled_from(OTHERS), st.text(max_size=3)), max_size=14).map(
    "".join
)


def pieces(text: str, cuts: list[int]) -> list[str]:
    """Split *text* at *cuts*, which are taken modulo its length."""
    at = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[begin:end] for begin, end in pairwise(at)]


def fed(finder: Finder, parts: list[str]) -> list[Segment]:
    """Return everything that *finder* returns, with neighbours of no kind as one."""
    return merged([segment for part in parts for segment in finder.feed(part)] + finder.end())


def merged(segments: list[Segment]) -> list[Segment]:
    """Join neighbours of no kind."""
    joined: list[Segment] = []
    for one in segments:
        if joined and not joined[-1].kind and not one.kind:
            joined[-1] = Segment(joined[-1].text + one.text)
        elif one.text:
            joined.append(one)
    return joined
