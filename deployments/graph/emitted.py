"""How far an answer has come, so that whoever goes on with it knows where."""

from __future__ import annotations

from deployments.adapters import split_name
from deployments.request import Frame, Resume


class Emitted:
    """Collects what one request's stream has delivered, in frames as they pass; *resume* is where the stream began.

    ``finished`` says that the answer is whole: whatever breaks after that costs nothing.
    """

    __slots__ = ("_ids", "_mixed", "_model", "_texts", "finished", "tokens")

    def __init__(self, resume: Resume | None = None) -> None:
        self._model = resume.model if resume is not None else ""
        self._texts = [resume.text] if resume is not None and resume.text else []
        self._ids = list(resume.ids) if resume is not None else []
        self._mixed = bool(self._texts) and not self._ids
        self.tokens = 0
        self.finished = False

    def saw(self, frame: Frame) -> None:
        """Take note of a frame that goes on to the client."""
        if frame.head is not None:
            self._answered_by(split_name(frame.head.model)[0])
        if frame.text:
            self._texts.append(frame.text)
        if frame.ids:
            self._ids.extend(frame.ids)
        self.tokens += frame.tokens
        self.finished = self.finished or frame.finish_reason is not None

    def resume(self) -> Resume:
        """Return how to go on: by token ids where one model wrote all of it, else by its text."""
        ids = () if self._mixed else tuple(self._ids)
        return Resume(model=self._model, text="".join(self._texts), ids=ids)

    @property
    def _begun(self) -> bool:
        return bool(self._texts or self._ids)

    def _answered_by(self, model: str) -> None:
        # The tokens of two models make no sequence that either could read.
        self._mixed = self._mixed or (self._begun and model != self._model)
        self._model = model
