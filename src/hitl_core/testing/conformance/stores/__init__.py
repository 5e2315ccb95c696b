"""The store suite: what the protocol needs of a store, tried on any that `open(folder)` gives. Runs without pytest.

    async def open(folder: Path) -> Store:
        return await MyStore.open(folder / "my.db")

    report = try_store("mystore", open)
    assert report.good

All handles on one folder share their data: behaviours open several, and close and open again.
"""

from . import claims, drafts, effects, erasing, grants, guidance, load, people, proposed, runs, slips, transcripts
from .suite import STORE_BEHAVIOURS, StoreBehaviour, store_behaviour, try_store
from .world import StoreWorld

ROOMS = (runs, claims, effects, grants, guidance, people, drafts, proposed, load, erasing, slips, transcripts)

__all__ = ["STORE_BEHAVIOURS", "StoreBehaviour", "StoreWorld", "store_behaviour", "try_store"]
