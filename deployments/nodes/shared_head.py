"""The head of an answer that was generated for another request as well."""

from __future__ import annotations

from deployments.request import Context, Head


def retold(head: Head, entered: Context, own: Context) -> Head:
    """Return *head* as the request with the context *own* sees it; the call was made with the context *entered*.

    The path is the request's own down to the node that shares and the call's from there on. The call's times are not
    the request's, which came at another moment.
    """
    further = len(entered.path) - 1
    crossed = None if head.crossed is None else len(own.path) + head.crossed - further
    path = (*own.path, *head.path[further:])
    return Head(model=head.model, path=path, replica=head.replica, notes=head.notes, crossed=crossed)
