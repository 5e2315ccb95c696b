"""Observing: what a runtime does, as measurements and traces; and whether its process lives and is ready.

    observers ─► ObservedStore, ObservedAdapter ─► what each command and turn says ─► OpenTelemetry · Prometheus
    a store ─► ReadLoad ─► gauges                                                      /metrics · /healthz · /readyz

Where nobody observes, nothing of this is in the way. What only some need is loaded by them: `measuring`, `gauges`,
`health`, `endpoint`, `prometheus`, `otel`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Final

from .observer import ObservedAdapter, ObservedStore, Observer, observed

__all__ = [
    "ObservedAdapter",
    "ObservedStore",
    "Observer",
    "observed",
    "telemetry",
]


_PROVIDERS: Final = ("OTEL_PYTHON_TRACER_PROVIDER", "OTEL_PYTHON_METER_PROVIDER")
"""Variables that let OpenTelemetry set itself up when it is first asked."""


def telemetry(now: Callable[[], datetime]) -> tuple[Observer, ...]:
    """OpenTelemetry's observers: none where it is not installed, or where no SDK is set up.

    Nobody can have set one up without importing it, so that nobody who does not trace pays for importing it here.
    """
    if "opentelemetry" not in sys.modules and not any(map(os.environ.get, _PROVIDERS)):
        return ()
    try:
        from . import otel
    except ImportError as exc:
        if (exc.name or "").split(".")[0] != "opentelemetry":
            raise
        return ()
    return otel.telemetry(now)
