"""How often does an answer that another replica goes on with read as if nothing had happened?

``python -m benchmarks.resumed_text`` asks one real engine of ``demo/dense`` greedily, breaks every answer off at
several places, and has it go on from there. In float32 the rest is always the same; in bfloat16 prefill and decode
round differently, and now and then another word wins.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from benchmarks.report import Sheet, show_sheets
from benchmarks.results import FOLDER
from deployments.engines.base import Engine
from deployments.engines.launch import build_engine
from deployments.gateway.surfaces import parse
from deployments.graph.emitted import Emitted
from deployments.request import Context, Frame, Request

SOURCE, TOKENS = "demo/dense", 64
BROKEN_OFF_AFTER = (4, 12, 24, 36, 52)
PROMPTS = (
    "What is the capital of Norway?",
    "Explain in two sentences how a tide comes about.",
    "Write a Python function that reverses a string.",
    "Name three metals and what they are good for.",
    "Translate to German: the bird sits on the roof.",
    "What is 17 plus 25?",
    "中国最长的河是哪一条？",
    "用一句话介绍故宫。",
    "Who painted the Mona Lisa?",
)


class Resumed(msgspec.Struct, frozen=True, kw_only=True):
    """Of how many answers broken off the whole text was that of the undisturbed one."""

    dtype: str
    equal: int
    broken_off: int


async def frames(engine: Engine, request: Request, call: str) -> list[Frame]:
    """Return a whole answer."""
    loop = asyncio.get_running_loop()
    context = Context(request_id=call, deadline_s=loop.time() + 300, now=datetime.now(UTC))
    async with aclosing(engine.generate(request, context)) as stream:  # type: ignore[type-var]
        return [frame async for frame in stream]


def broken_off(whole: Sequence[Frame], after: int) -> Emitted:
    """Return what had come when *after* tokens had."""
    emitted = Emitted()
    for frame in whole:
        if emitted.tokens + frame.tokens > after:
            break
        emitted.saw(frame)
    return emitted


async def equal(engine: Engine, prompt: str) -> int:
    """Return how many of one answer's continuations gave the undisturbed text."""
    fields: dict[str, Any] = {"max_tokens": TOKENS, "temperature": 0, "ignore_eos": True, "stream": True}
    request = parse("chat", {"model": "dense", "messages": [{"role": "user", "content": prompt}], **fields})
    request = replace(request, traced=True)
    whole = await frames(engine, request, f"{prompt} whole")
    text = "".join(frame.text for frame in whole)
    same = 0
    for after in BROKEN_OFF_AFTER:
        begun = broken_off(whole, after).resume()
        rest = await frames(engine, replace(request, resume=begun), f"{prompt} {after}")
        same += begun.text + "".join(frame.text for frame in rest) == text
    return same


async def run(dtype: str) -> Resumed:
    """Start an engine of *dtype*, ask it, and stop it."""
    settings = {"max_num_seqs": 8, "max_model_len": 512, "dtype": dtype}
    pool = {"name": "dense", "pool": "dense", "family": "dense", "source": SOURCE, "runtime": "vllm"}
    engine = await build_engine({**pool, "engine": settings}, "dense#1", lambda _: None)
    await engine.start()
    try:
        same = sum([await equal(engine, prompt) for prompt in PROMPTS])
    finally:
        await engine.stop()
    return Resumed(dtype=dtype, equal=same, broken_off=len(PROMPTS) * len(BROKEN_OFF_AFTER))


def main() -> None:
    """Ask in one number format or both; print and keep it."""
    parser = argparse.ArgumentParser(description="Compare resumed answers with undisturbed ones.")
    parser.add_argument("--dtype", nargs="*", default=["float32", "bfloat16"])
    found = [asyncio.run(run(dtype)) for dtype in parser.parse_args().dtype]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "resumed_text.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    rows = [[one.dtype, str(one.equal), str(one.broken_off)] for one in found]
    show_sheets([Sheet("Answers that went on elsewhere", ["number format", "same text", "broken off"], rows)])


if __name__ == "__main__":
    main()
