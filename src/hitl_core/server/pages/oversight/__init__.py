"""What people do about all runs at once: stops, grants, the policy, and the trail that says what they did.

stops      what is stopped; stop, and lift
grants     what runs without being asked each time; give, and take back
policy     the rules in force; explain, and try a changed text on what was recorded
rules      a policy's rules as they read (pure)
audit      the trail, page by page; a table to take along
verifying  reading the whole trail again, beside the page, and how far that has come
"""

from __future__ import annotations

from .audit import audit
from .grants import grants
from .policy import policy
from .stops import stops

__all__ = ["audit", "grants", "policy", "stops"]
