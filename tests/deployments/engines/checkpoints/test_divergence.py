"""KL through frozen heads, and packed rows that behave as chats alone."""

import pytest
import torch
from torch.nn.functional import kl_div, log_softmax

from deployments.engines.checkpoints.divergence import distance, head, hidden, kl, states
from deployments.engines.checkpoints.packing import pack
from tests.deployments.engines.checkpoints.tiny import VOCABULARY, chats, llama

pytestmark = pytest.mark.torch


def test_value_and_gradient_are_those_of_the_textbook() -> None:
    """The written-out gradient equals autograd's through softmax and head."""
    torch.manual_seed(0)
    mine, theirs, mine_head, their_head = (torch.randn(shape) for shape in ((600, 8), (600, 8), (50, 8), (50, 8)))
    one, two = mine.clone().requires_grad_(), mine.clone().requires_grad_()
    fast = kl(one, theirs, mine_head, their_head)
    plain = kl_div(
        log_softmax(two @ mine_head.T, -1),
        log_softmax(theirs @ their_head.T, -1),
        reduction="batchmean",
        log_target=True,
    )
    (3 * fast).backward()
    (3 * plain).backward()
    torch.testing.assert_close(fast, plain)
    torch.testing.assert_close(one.grad, two.grad)


def test_a_model_is_no_distance_from_itself_and_some_from_another() -> None:
    """KL is zero for the teacher and positive for anybody else."""
    rows = pack(chats(6), length=24, padding=1)
    teacher, other = llama(seed=0), llama(seed=1)
    targets = states(teacher, rows)
    assert distance(teacher, targets, head(teacher), rows) == pytest.approx(0, abs=1e-6)
    assert distance(other, targets, head(teacher), rows) > 0.01


def test_a_packed_chat_sees_only_itself() -> None:
    """Hidden states at answer tokens are the same packed with others as alone."""
    model, talk = llama(), chats(4)
    packed = states(model, pack(talk, length=30, padding=1))
    alone = torch.cat([states(model, pack([chat], length=12, padding=1)) for chat in talk])
    torch.testing.assert_close(packed, alone, atol=1e-5, rtol=1e-4)


def test_counted_positions_are_those_that_predict_answer_tokens() -> None:
    """One position an answer token: from the last of the prompt to the last but one of the answer."""
    talk = chats(3)
    rows = pack(talk, length=30, padding=1)
    assert int(rows.counted.sum()) == sum(len(chat.answer) for chat in talk)
    following = rows.ids.roll(-1, dims=1)[rows.counted].tolist()
    assert following == [token for chat in talk for token in chat.answer]


def test_a_chat_longer_than_a_row_is_cut_not_lost() -> None:
    """Cutting keeps part of the prompt and the start of the answer."""
    rows = pack(chats(1, prompt=40, answer=40), length=32, padding=1)
    assert rows.ids.shape == (1, 32)
    assert int(rows.counted.sum()) == 16


def test_hidden_states_have_the_models_width() -> None:
    """[counted tokens, width], and the head maps them to the vocabulary."""
    model, rows = llama(), pack(chats(2), length=24, padding=1)
    state = hidden(model, rows)
    assert (state @ head(model).T).shape == (14, VOCABULARY)
