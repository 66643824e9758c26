"""Which spans leave the process, decided once the request that they are of has ended."""

from __future__ import annotations

import threading
from collections import OrderedDict

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from deployments.telemetry.trace_context import request_in_trace

REQUEST = "tercet.request_id"
MOST_REQUESTS = 4096
MOST_SPANS = 512  # of one request
_MOST_NAMES = 65_536


class TailKeep(SpanProcessor):
    """Holds a request's spans until ``decide``, then passes them to *then*, or drops them.

    A request begins with a span that names it (``tercet.request_id``); what lies inside belongs to it, and what ends
    later follows its verdict. Spans of no request pass. Of too many requests without a verdict the oldest is dropped.
    """

    def __init__(self, then: SpanProcessor) -> None:
        self._then = then
        self._lock = threading.Lock()
        self._names: OrderedDict[int, str] = OrderedDict()
        self._held: OrderedDict[str, list[ReadableSpan]] = OrderedDict()
        self._verdicts: OrderedDict[str, bool] = OrderedDict()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note which request a span belongs to."""
        above = trace.get_current_span(parent_context).get_span_context()
        with self._lock:
            name = self._names.get(above.span_id) or _named(span)
            if name and span.context is not None:
                self._names[span.context.span_id] = name
                _bound(self._names, _MOST_NAMES)
        self._then.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Hold a span, or treat it as its request was."""
        with self._lock:
            name = self._names.get(span.context.span_id) if span.context is not None else None
            keep = True if name is None else self._verdicts.get(name)
            if name is not None and keep is None:
                held = self._held.setdefault(name, [])
                if len(held) < MOST_SPANS:
                    held.append(span)
                _bound(self._held, MOST_REQUESTS)
        if keep:
            self._then.on_end(span)

    def decide(self, request: str, *, keep: bool) -> None:
        """Pass on what is held of *request*, named within its trace, and what is still to come, or drop both."""
        with self._lock:
            self._verdicts[request] = keep
            self._verdicts.move_to_end(request)
            _bound(self._verdicts, MOST_REQUESTS)
            held = self._held.pop(request, [])
        for span in held if keep else ():
            self._then.on_end(span)

    def shutdown(self) -> None:
        """Let go; what nobody has decided on is dropped."""
        self._then.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what was passed on."""
        return self._then.force_flush(timeout_millis)


def _named(span: Span) -> str:
    request = (span.attributes or {}).get(REQUEST)
    return "" if request is None else request_in_trace(span, str(request))


def _bound(
    kept: OrderedDict[int, str] | OrderedDict[str, list[ReadableSpan]] | OrderedDict[str, bool], most: int
) -> None:
    if len(kept) > most:
        kept.popitem(last=False)
