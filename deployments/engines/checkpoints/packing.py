"""Chats packed into rows of one length; each chat still sees only itself, as it will when it is served."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from deployments.engines.checkpoints.answers import Answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Token ids, positions (restarting with each chat), and which predict an answer token: all [rows, length]."""

    ids: torch.Tensor
    positions: torch.Tensor
    counted: torch.Tensor

    def __len__(self) -> int:
        return int(self.ids.shape[0])

    def take(self, index: Sequence[int] | slice) -> "Rows":
        """Select rows."""
        return Rows(ids=self.ids[index], positions=self.positions[index], counted=self.counted[index])


def pack(chats: Sequence[Answered], *, length: int, padding: int) -> Rows:
    """Fill rows with whole chats in order (first row that has room); a chat longer than a row is cut."""
    rows: list[list[Answered]] = []
    room: list[int] = []
    for chat in (_fitted(chat, length) for chat in chats):
        size = len(chat.prompt) + len(chat.answer)
        place = next((index for index, free in enumerate(room) if free >= size), len(rows))
        if place == len(rows):
            rows.append([])
            room.append(length)
        rows[place].append(chat)
        room[place] -= size
    columns = [_laid(row, length, padding) for row in rows]
    ids, positions, counted = (torch.tensor(column) for column in zip(*columns, strict=True))
    return Rows(ids=ids, positions=positions, counted=counted.bool())


def _fitted(chat: Answered, length: int) -> Answered:
    prompt = chat.prompt[: length // 2]
    return Answered(prompt=prompt, answer=chat.answer[: length - len(prompt)])


def _laid(chats: Sequence[Answered], length: int, padding: int) -> tuple[list[int], list[int], list[int]]:
    ids: list[int] = []
    positions: list[int] = []
    counted: list[int] = []
    for chat in chats:
        size = len(chat.prompt) + len(chat.answer)
        ids += chat.prompt + chat.answer
        positions += range(size)
        counted += [0] * (len(chat.prompt) - 1) + [1] * len(chat.answer) + [0]
    spare = length - len(ids)
    # Padding sits at position 0 throughout: every padding token is a sequence of its own, seen by nobody.
    return ids + [padding] * spare, positions + [0] * spare, counted + [0] * spare
