"""What a sender raises."""

from __future__ import annotations


class SendFailed(Exception):
    """A message was not taken. `lasting`: trying again would change nothing, as with an address that is wrong."""

    def __init__(self, why: str, *, lasting: bool = False) -> None:
        super().__init__(why)
        self.lasting = lasting
