"""Which answers are right, and what a cascade of recorded answers would have come to."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.cascade_curve import Case, Line, Price, curve, held_out, line, point, separation, sureness, weighed
from benchmarks.cascade_record import Record, parameters
from benchmarks.cascade_tasks import Task, correct, load
from deployments.nodes.cascade.accept import judged
from deployments.nodes.cascade.held import Held
from deployments.nodes.cascade.spec import Accept
from deployments.request import Frame

PRICE = Price(small=0.5)


def answer(*logprobs: float, seconds: float = 2.0) -> Record:
    return Record(task="t", text="", logprobs=logprobs, margins=logprobs, seconds=seconds, ttft_s=seconds / 2)


def case(small: tuple[float, ...], large: tuple[float, ...], *, small_right: bool, large_right: bool) -> Case:
    return Case(small=answer(*small), large=answer(*large), small_right=small_right, large_right=large_right)


SURE_AND_RIGHT = case((-0.1,) * 4, (-0.1,) * 4, small_right=True, large_right=True)
UNSURE_AND_WRONG = case((-2.0,) * 4, (-0.1,) * 4, small_right=False, large_right=True)


def task(check: str, *want: str) -> Task:
    return Task(name="t", kind="k", language="en", prompt="?", check=check, want=want)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("check", "want", "said", "right"),
    [
        ("says", "paris", "The capital is **Paris**.", True),
        ("says", "paris", "Parisian", False),
        ("says", "巴黎", "法国的首都是巴黎。", True),
        ("says", "au", "Because", False),
        ("number", "42", "15 + 27 = 42.", True),
        ("number", "1200", "It is 1,200", True),
        ("number", "4", "4 or 5", False),
        ("number", "4", "four", False),
        ("yes_no", "yes", "Yes, it is not far.", True),
        ("yes_no", "no", "不是。", True),
        ("yes_no", "yes", "是的。", True),
        ("yes_no", "no", "Nothing to say", False),
        ("pattern", r"\W*cat\W*", "cat.", True),
        ("pattern", r"\W*cat\W*", "a cat", False),
        ("json", '{"a": 1}', '```json\n{"a": 1}\n```', True),
        ("json", '{"a": 1}', "{'a': 1}", False),
    ],
)
def test_answers_are_checked_as_their_kind_asks(check: str, want: str, said: str, right: bool) -> None:
    """A right answer may be said in a sentence, a format may not be missed."""
    assert correct(task(check, want), said) is right


def test_every_task_can_be_answered_right_and_wrong() -> None:
    """Of each shipped task the wanted answer is right, and an evasion is not; names are unique."""
    tasks = load()
    samples = {r"\W*cat\W*": "cat", r"1 2 3 4 5\.?": "1 2 3 4 5", r"2025-03-04\.?": "2025-03-04"}
    assert 60 <= len(tasks) <= 100
    assert len({one.name for one in tasks}) == len(tasks)
    assert {one.language for one in tasks} == {"en", "zh"}
    for one in tasks:
        assert not correct(one, "Hmm."), one.name
        if one.check != "pattern" or one.want[0] in samples:
            assert correct(one, samples.get(one.want[0], one.want[0])), one.name


@pytest.mark.parametrize("signal", ["mean_logprob", "margin"])
@pytest.mark.parametrize("after", [1, 2, 9])
@given(st.lists(st.floats(min_value=0.01, max_value=5), min_size=1, max_size=6), st.floats(min_value=0, max_value=5))
def test_keeps_what_the_product_accepts(signal: str, after: int, sizes: list[float], least: float) -> None:
    """The curve is that of a running cascade: same tokens, same verdict."""
    sign = -1 if signal == "mean_logprob" else 1
    spoken = answer(*(sign * size for size in sizes))
    held = Held(after)
    for at, size in enumerate(sizes):
        held.take(
            Frame(
                data=b"x", tokens=1, logprob=-size, margin=size, finish_reason="stop" if at == len(sizes) - 1 else None
            )
        )
        if held.window is not None:
            break
    else:
        held.end("small")
    verdict = judged(Accept.model_validate({signal: sign * least, "after": after}), held, None)
    assert verdict is not None
    seen = sureness(spoken, signal, after)  # type: ignore[arg-type]
    assert verdict.accepted == (seen >= sign * least) or seen == pytest.approx(sign * least)


def test_a_rejected_answer_costs_its_window_and_the_large_one() -> None:
    """A quarter of the small answer at half the price, and all of the large one; a kept answer costs only itself."""
    found = point(weighed([SURE_AND_RIGHT, UNSURE_AND_WRONG], "mean_logprob", 1, PRICE), -1.0)
    assert (found.accuracy, found.escalated) == (1.0, 0.5)
    assert found.cost == pytest.approx((4 * 0.5 + 1 * 0.5 + 4) / 8)
    by_seconds = point(weighed([UNSURE_AND_WRONG], "mean_logprob", 1, Price(by="seconds")), -1.0)
    assert by_seconds.cost == pytest.approx((1 + 1 / 4 + 2) / 2)


def test_a_cascade_that_can_tell_lies_above_the_line() -> None:
    """Held out as well; and one whose sureness says nothing does not."""
    telling = weighed([SURE_AND_RIGHT, UNSURE_AND_WRONG] * 10, "mean_logprob", 1, Price(small=0.1))
    assert separation(telling) == 1.0
    assert held_out(telling).low > 0
    mute = [case((-1.0 - at / 100,) * 4, (-0.1,) * 4, small_right=at % 2 == 0, large_right=True) for at in range(20)]
    rows = weighed(mute, "mean_logprob", 1, Price(small=0.1))
    assert 0.4 < separation(rows) < 0.6
    assert held_out(rows).low < 0


def test_the_line_joins_both_models() -> None:
    """A coin costs what it throws; nobody pays more than the large model for no more than it gives."""
    ends = Line(small_cost=0.2, small_accuracy=0.4, large_accuracy=0.8)
    assert [ends.at(cost) for cost in (0.1, 0.2, 0.6, 1.0, 1.5)] == pytest.approx([0.4, 0.4, 0.6, 0.8, 0.8])


_LOGPROBS = st.lists(st.floats(min_value=-5, max_value=-0.01), min_size=1, max_size=6).map(tuple)
_CASES = st.lists(
    st.builds(case, _LOGPROBS, _LOGPROBS, small_right=st.booleans(), large_right=st.booleans()), min_size=2, max_size=8
)


@given(_CASES, st.integers(min_value=1, max_value=6))
def test_the_ends_of_a_curve_are_the_two_models(cases: list[Case], after: int) -> None:
    """The laxest rule is the small model alone, the strictest has the large one's accuracy at more than its cost."""
    rows = weighed(cases, "mean_logprob", after, PRICE)
    ends, points = line(rows), curve(rows)
    assert (points[0].accuracy, points[0].cost, points[0].escalated) == pytest.approx(
        (ends.small_accuracy, ends.small_cost, 0.0)
    )
    assert (points[-1].accuracy, points[-1].escalated) == pytest.approx((ends.large_accuracy, 1.0))
    assert points[-1].cost > 1.0


@given(_CASES)
def test_a_stricter_rule_escalates_no_less(cases: list[Case]) -> None:
    """Thresholds rise along the curve, and so do escalations."""
    points = curve(weighed(cases, "margin", 3, PRICE))
    assert [one.escalated for one in points] == sorted(one.escalated for one in points)
    assert [one.least for one in points] == sorted(one.least for one in points)


def test_parameters_are_read_from_the_weights_header(tmp_path) -> None:
    """Without loading a tensor."""
    header = json.dumps({
        "__metadata__": {}, "a": {"dtype": "F32", "shape": [3, 4]}, "b": {"dtype": "F32", "shape": [5]},
    }).encode()  # fmt: skip
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert parameters(tmp_path) == 17
