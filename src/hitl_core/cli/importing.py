"""Imports that cost what they have to: nobody looks for garbage in what stays for as long as the process lives."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Have no garbage collected while the main thread imports: there is none, and to look took a fifth of the start.

    What the imports have made is not looked through later either. Another thread imports beside what is at work in
    the process, for as long as an app may take: there the collector goes on.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
