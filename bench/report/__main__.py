"""python -m bench.report: make docs/performance.md, docs/scaling.md and the plots of what is kept."""

from .page import written
from .results import kept

written(kept())
