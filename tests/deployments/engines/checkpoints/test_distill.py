"""The whole distillation on a tiny teacher of another make, and orders that cannot be carried out."""

import json
from pathlib import Path
from typing import Any

import pytest

from deployments.engines.checkpoints import answers, distill, models, packing
from deployments.engines.checkpoints.__main__ import main
from tests.deployments.engines.checkpoints.tiny import chats, save_with_tokenizer

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_with_tokenizer(tmp_path_factory.mktemp("teacher"))


@pytest.fixture
def asked(teacher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command line that distils the tiny teacher in seconds."""
    monkeypatch.setattr(distill, "MAX_ANSWER", 12)
    data = tmp_path / "prompts.txt"
    data.write_text("\n".join(f"Tell me about {n}." for n in range(40)))
    out = tmp_path / "student"
    return [
        "distill",
        teacher,
        "--drop-layers=1",
        f"--out={out}",
        f"--data={data}",
        "--steps=3",
        "--rank=2",
        "--batch=1",
    ]


def difference(asked: list[str]) -> bytes:
    return (Path(asked[3].removeprefix("--out=")) / "healing" / "difference.safetensors").read_bytes()


def test_a_teacher_of_another_make_becomes_a_student_that_loads(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The student has a layer less, loads from --out, and the three are measured side by side."""
    assert main(asked) == 0
    record: dict[str, Any] = json.loads(capsys.readouterr().out.partition("\n{")[2].join(("{", "")))
    student, _ = models.load(asked[3].removeprefix("--out="))
    assert student.config.num_hidden_layers == 3 == record["figures"]["healed"]["layers"]
    assert record["figures"]["teacher"]["kl_nats_per_token"] == pytest.approx(0, abs=1e-4)
    assert len(record["dropped_layers"]) == 1


def test_the_same_command_gives_the_same_difference(asked: list[str]) -> None:
    """Sampling, choice of layers and training all repeat to the byte, from nothing or from what was cached."""
    assert main(asked) == 0
    first = difference(asked)
    assert main(asked) == 0
    assert difference(asked) == first
    elsewhere = [*asked[:3], f"{asked[3]}-again", *asked[4:]]
    assert main(elsewhere) == 0
    assert difference(elsewhere) == first


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("--drop-layers=4", "--drop-layers 4"),
        ("--steps=0", "--steps 0"),
        ("--learning-rate=nan", "--learning-rate"),
        ("--rank=-1", "--rank"),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_one_sentence(
    change: str, named: str, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, and the sentence names the option."""
    assert main([*asked, change]) == 1
    assert named in capsys.readouterr().err


def test_a_teacher_that_is_not_there_is_one_sentence(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The path is named, and what else would do."""
    assert main(["distill", "/no/such/model", *asked[2:]]) == 1
    assert "/no/such/model" in capsys.readouterr().err


def test_held_out_prompts_are_never_trained_on() -> None:
    """A prompt answered twice is held out twice or not at all."""
    talk = chats(30) + chats(30)
    split = distill.divided(talk, padding=1)
    kept = packing.pack([talk[n + m] for m in (0, 30) for n in (0, 10, 20)], length=distill.LENGTH, padding=1)
    assert split.held_out.ids.tolist() == kept.ids.tolist()
    assert int(split.training.counted.sum()) == 2 * 27 * 7


def test_answers_come_back_as_they_were_saved(tmp_path: Path) -> None:
    """What is cached is what was sampled."""
    answers.save(tmp_path / "a.jsonl", chats(5))
    assert answers.load(tmp_path / "a.jsonl") == chats(5)
