"""From `hitl.toml` and installed packages to a runtime: settings, and the names that stand for classes."""

from __future__ import annotations

from .config import DEFAULT_FILE, Config, connect, make_adapter, make_channels, open_store, typed_options

__all__ = ["DEFAULT_FILE", "Config", "connect", "make_adapter", "make_channels", "open_store", "typed_options"]
