"""From `hitl.toml` and installed packages to a runtime: settings, and the names that stand for classes."""

from __future__ import annotations

from .beside import IN_MEMORY, apps_beside
from .channels import make_channels
from .config import (
    DEFAULT_FILE,
    Config,
    connect,
    make_adapter,
    policy_file,
    typed_options,
)
from .knowing import check_policy
from .remote import is_remote, require_store
from .serving import Agents, OpenId, Proxy, Serving
from .storing import open_store
from .upkeep import Upkeep, upkeep_of

__all__ = [
    "DEFAULT_FILE",
    "IN_MEMORY",
    "Agents",
    "Config",
    "OpenId",
    "Proxy",
    "Serving",
    "Upkeep",
    "apps_beside",
    "check_policy",
    "connect",
    "is_remote",
    "make_adapter",
    "make_channels",
    "open_store",
    "policy_file",
    "require_store",
    "typed_options",
    "upkeep_of",
]
