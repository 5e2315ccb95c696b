"""The example in a process of its own, on one backend, with a scripted model; it can be killed and started again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from tests.tree.source import ROOT

EXAMPLE = ROOT / "examples" / "copilotkit"
FILES = ("story.py", "server.py", "policy.toml")
STARTS_WITHIN = 240.0
"""Seconds: a framework that is imported for the first time takes long on a busy machine."""


class Studio:
    """`server.py` in a folder of its own. `url` stays the same when it is started again: its `port` is kept for it."""

    def __init__(
        self, folder: Path, backend: str, *, model: str, dist: Path, port: str, spec: str = "story:SPEC"
    ) -> None:
        self.folder, self._model, self._port = folder, model, port
        for name in FILES:
            shutil.copy(EXAMPLE / name, folder / name)
        (folder / "dist").symlink_to(dist)
        config = (EXAMPLE / "hitl.toml").read_text(encoding="utf-8")
        config = config.replace('name = "langgraph"', f'name = "{backend}"').replace("story:SPEC", spec)
        (folder / "hitl.toml").write_text(config, encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def config(self) -> Path:
        return self.folder / "hitl.toml"

    @property
    def effects(self) -> list[dict[str, Any]]:
        """What really happened, in order."""
        path = self.folder / "ledger.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def start(self) -> None:
        environment = os.environ | {
            "OPENAI_BASE_URL": self._model,
            "OPENAI_API_KEY": "scripted",
            "STUDIO_PORT": self._port,
            "CREWAI_STORAGE_DIR": str(self.folder / "crewai"),
            "CREWAI_TRACING_ENABLED": "false",
            "OTEL_SDK_DISABLED": "true",
            "OPENAI_AGENTS_DISABLE_TRACING": "1",
        }
        with (self.folder / "server.log").open("ab") as log:
            command = [sys.executable, "server.py"]
            self._process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + STARTS_WITHIN
        while not self._listens():
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, f"it does not listen: {self.log}"

    def kill(self) -> None:
        """As a machine that loses its power would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def end(self) -> int:
        """As whoever operates it would, in order; its exit status."""
        assert self._process is not None
        self._process.terminate()
        code, self._process = self._process.wait(STARTS_WITHIN), None
        return code

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")[-4_000:]

    def _listens(self) -> bool:
        try:
            return httpx.get(f"{self.url}/copilotkit/info", timeout=5).status_code == 200
        except httpx.TransportError:
            return False
