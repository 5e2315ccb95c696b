"""What the processes of these tests have in common, imported once before they are forked."""

from __future__ import annotations

import pytest  # what some of them do stands in the file of the test

from hitl_core.cli import app
from tests.faults import crowd, lives

__all__ = ["app", "crowd", "lives", "pytest"]
