"""Pick a link for each request, remembering what went where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from weakref import WeakKeyDictionary

from deployments.pool.choice import Candidate, choose
from deployments.pool.link import Link
from deployments.pool.prompt_blocks import BLOCK_BYTES, BYTES_PER_TOKEN, blocks_of
from deployments.pool.remembered import SentPrompts
from deployments.request import Context, Request

SESSION_HEADER = "x-session-id"


class Picker:
    """Decides from what is at hand in this process: no replica and no service is asked."""

    def __init__(self) -> None:
        self._sent: WeakKeyDictionary[Link, SentPrompts] = WeakKeyDictionary()

    def pick(self, links: Sequence[Link], request: Request, context: Context) -> Link:
        """Return the link to use, and remember that it was."""
        if context.apart:
            links = [link for link in links if not link.holds(context.request_id)] or links
        if len(links) == 1:
            # Nothing to choose: a pool of one costs no hashing. What it is sent meanwhile is not remembered.
            return links[0]
        prefixes = context.standing.prefixes
        blocks, session = blocks_of(request.body, prefixes=prefixes), _session(context.headers, prefixes)
        # An adapter's blocks in the engine's cache are not the model's.
        blocks = tuple(request.adapter.encode() + name for name in blocks) if request.adapter else blocks
        by_replica = {link.place.replica: link for link in links}
        candidates = [self._candidate(link, blocks, session) for link in links]
        key = blocks[0] if blocks else context.call_id.encode()
        chosen = by_replica[choose(candidates, (session or "").encode() or key).replica]
        capacity = chosen.load.kv_tokens * BYTES_PER_TOKEN // BLOCK_BYTES
        self._memory(chosen).add(blocks, session, capacity=capacity)
        return chosen

    def _candidate(self, link: Link, blocks: Sequence[bytes], session: str | None) -> Candidate:
        sent = self._memory(link)
        return Candidate(
            replica=link.place.replica,
            in_flight=link.in_flight,
            limit=link.load.limit,
            matched=sent.matched(blocks),
            session=session is not None and sent.knows(session),
            unbegun=link.unbegun,
        )

    def _memory(self, link: Link) -> SentPrompts:
        return self._sent.setdefault(link, SentPrompts())


def _session(headers: Mapping[str, str], prefixes: str) -> str | None:
    """Return the client's name for its session; two tenants that choose the same one mean two sessions."""
    named = headers.get(SESSION_HEADER)
    if named is None or not prefixes:
        return named
    return blake2b(f"{prefixes}\0{named}".encode(), digest_size=16).hexdigest()
