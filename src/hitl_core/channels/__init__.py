"""Channels: how a request reaches people. The inbox is complete without any of them."""

from .announcer import Announcer

__all__ = ["Announcer"]
