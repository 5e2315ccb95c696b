"""The tables: rows as records and back, checked on reading. What a command does with them stands in `commands`."""

from . import apart, bodies, drafts, emptied, requests
from .assigned import last_assigned, note_assigned
from .bodies import checked, unpack
from .cursors import is_snapshot, key_of, no_cursor
from .grants import GRANT, UNIT, grant_record
from .guidance import GUIDANCE, guidance_record
from .identity import Name, column, packed, text
from .link import Link, Row, Rows, Taken
from .requests import LEVELS, RequestRow, level_of
from .rows import (
    EFFECT,
    READY,
    RUN,
    EffectRow,
    RunRow,
    ahead_of_remembered,
    illegible,
    remembered,
    run_record,
    word,
)
from .settled import (
    BY_KEY,
    OPEN,
    SETTLED,
    StoredRequest,
    ahead_of_newest,
    ahead_of_pending,
    newest_request,
    open_ones,
    pending,
    readable,
    request_by_id,
    request_by_key,
    votes_on,
)
from .stranger import Stranger
from .trail import Line, Tip, read_anchor, read_tip, remember, seal
from .transaction import Transaction
from .view import View

__all__ = [
    "BY_KEY",
    "EFFECT",
    "GRANT",
    "GUIDANCE",
    "LEVELS",
    "OPEN",
    "READY",
    "RUN",
    "SETTLED",
    "UNIT",
    "EffectRow",
    "Line",
    "Link",
    "Name",
    "RequestRow",
    "Row",
    "Rows",
    "RunRow",
    "StoredRequest",
    "Stranger",
    "Taken",
    "Tip",
    "Transaction",
    "View",
    "ahead_of_newest",
    "ahead_of_pending",
    "ahead_of_remembered",
    "apart",
    "bodies",
    "checked",
    "column",
    "drafts",
    "emptied",
    "grant_record",
    "guidance_record",
    "illegible",
    "is_snapshot",
    "key_of",
    "last_assigned",
    "level_of",
    "newest_request",
    "no_cursor",
    "note_assigned",
    "open_ones",
    "packed",
    "pending",
    "read_anchor",
    "read_tip",
    "readable",
    "remember",
    "remembered",
    "request_by_id",
    "request_by_key",
    "requests",
    "run_record",
    "seal",
    "text",
    "unpack",
    "votes_on",
    "word",
]
