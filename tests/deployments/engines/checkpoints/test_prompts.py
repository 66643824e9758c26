"""What students are healed on and asked."""

from pathlib import Path

import pytest

from deployments.engines.checkpoints import prompts
from deployments.engines.checkpoints.progress import CheckpointError
from deployments.engines.checkpoints.questions import QUESTIONS, right


def test_no_question_is_a_healing_prompt() -> None:
    """The ten questions measure, so they are never trained on."""
    assert not {question for question, _ in QUESTIONS} & set(prompts.written(0))


def test_prompts_are_distinct_and_decided_by_the_seed() -> None:
    """One seed, one order; another seed, the same prompts in another order."""
    first, again, other = prompts.written(0), prompts.written(0), prompts.written(1)
    assert first == again != other
    assert sorted(first) == sorted(set(other))


def test_prompts_include_chinese_and_code() -> None:
    """A student must not forget what the router sends it."""
    assert sum(any("一" <= sign <= "鿿" for sign in prompt) for prompt in prompts.written(0)) >= 20
    assert sum("function" in prompt for prompt in prompts.written(0)) >= 20


@pytest.mark.parametrize(("answer", "verdict"), [("It is PARIS.", True), ("Lyon", False), ("", False)])
def test_an_answer_is_right_when_it_names_the_word(answer: str, verdict: bool) -> None:
    """Case does not matter, the word does."""
    assert right(answer, ("paris",)) is verdict


def test_own_prompts_are_read_one_a_line(tmp_path: Path) -> None:
    """Empty lines do not count."""
    path = tmp_path / "mine.txt"
    path.write_text("\n\n".join(f"question {n}" for n in range(20)))
    assert len(prompts.read(path)) == 20


@pytest.mark.parametrize("content", [b"", b"one\ntwo", b"\xff\xfe\xff"])
def test_own_prompts_that_cannot_do_are_refused(content: bytes, tmp_path: Path) -> None:
    """Too few, or not text: one sentence that names the file."""
    path = tmp_path / "mine.txt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"mine\.txt"):
        prompts.read(path)
