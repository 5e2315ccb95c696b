"""What people do about all runs at once: stops, grants, the policy, and the trail that says what they did.

stops      what is stopped; stop, and lift
grants     what runs without being asked each time; give, and take back
policy     the rules in force; explain, and try a changed text on what was recorded
rules      a policy's rules as they read (pure)
audit      the trail, page by page; a table to take along
tokens     what programs call the API with in one's name; make, and end
verifying  reading the whole trail again, beside the page, and how far that has come
"""

from __future__ import annotations

from .audit import audit as audit_pages
from .grants import grants as grants_pages
from .policy import policy as policy_pages
from .stops import stops as stops_pages
from .tokens import tokens as tokens_pages

__all__ = ["audit_pages", "grants_pages", "policy_pages", "stops_pages", "tokens_pages"]
