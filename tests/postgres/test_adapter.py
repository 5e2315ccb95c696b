"""The plain adapter keeps every promise on PostgreSQL too; runs of it are killed there, and people put over it."""

from __future__ import annotations

import pytest

from hitl_adapters.plain.kit import Kit
from hitl_core.testing.overseen import Office
from hitl_core.testing.pytest_plugin import ConformanceSuite, KillSuite, OverseenSuite

pytestmark = [pytest.mark.postgres, pytest.mark.processes]


class OnTheServer:
    """Each behaviour, run or desk has a schema of its own."""

    @pytest.fixture(scope="class")
    @classmethod
    def hitl_store(cls, server: str) -> str:
        return server


class TestPlain(OnTheServer, ConformanceSuite):
    kit = Kit()


class TestPlainKilled(OnTheServer, KillSuite):
    kit = Kit()


class TestPlainOverseen(OnTheServer, OverseenSuite):
    """Two of the stories: all six take more than a minute, and the others are told over files."""

    kit = Kit()

    @pytest.mark.parametrize("name", ["quorum", "veto"])
    def test_story(self, name: str, office: Office) -> None:
        super().test_story(name, office)
