"""Whoever reads what a command writes may go away before its end, as in `hitl … | head`."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from typing import Final

UNREAD: Final = 128 + signal.SIGPIPE
"""The exit status of a command that nobody reads any more: that of one which the signal has ended."""

_OUTPUT: Final = (1, 2)


def is_unread() -> bool:
    """Whether nobody reads our standard output or standard error any more. Another pipe may break too: an app's own."""
    return any(_unread())


def write_nowhere() -> None:
    """Send what nobody reads to nobody, so that what is still buffered does not fail when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for each in _unread():
        os.dup2(nowhere, each)
    os.close(nowhere)


def _unread() -> Iterator[int]:
    for each in _OUTPUT:
        looked = select.poll()
        looked.register(each, 0)
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in looked.poll(0)):
            yield each
