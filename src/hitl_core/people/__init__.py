"""People: who somebody is, by a file or by a directory of yours, and which roles may do what."""

from __future__ import annotations

from .authority import Act, Authority
from .directory import EVERY_TENANT, Absence, Directory, ListsPeople, Person
from .file import PeopleFile

__all__ = ["EVERY_TENANT", "Absence", "Act", "Authority", "Directory", "ListsPeople", "PeopleFile", "Person"]
