"""Property tests take the same cases on every run, so that a change is judged by what it changes.

``make search`` has them look for new ones.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, max_examples=500, print_blob=True)
settings.load_profile("same")
