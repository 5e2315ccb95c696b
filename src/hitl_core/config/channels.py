"""The channels that a configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..channels.console import ConsoleChannel
from ..contracts import Channel
from .registry import CHANNELS, load

if TYPE_CHECKING:
    from .config import Config


def make_channels(config: Config) -> list[Channel]:
    """The configured channels."""
    return [ConsoleChannel() if name == "console" else load(CHANNELS, name)() for name in config.channels]
