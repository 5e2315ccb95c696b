"""What the runs have found: kept in one file, and the pages and plots that are made of it."""

from .page import PAGES, made, written
from .results import RESULTS, Kept, keep, kept, table

__all__ = ["PAGES", "RESULTS", "Kept", "keep", "kept", "made", "table", "written"]
