"""Who is there: to whom one may give a request on."""

from __future__ import annotations

from fastapi import Response

from ...people import ListsPeople
from ...wire import Known, forms
from .calls import Calls, answer
from .who import Here, OfRequests

router = Calls("people", "/api/people")


@router.call("GET", "", "listPeople", forms.PEOPLE)
async def list_people(visitor: OfRequests, site: Here) -> Response:
    """The people of your tenant, by name; none where there is no directory, or one that does not list them."""
    directory: object = site.hitl.directory
    now = site.clock.now()
    everybody = await directory.everybody() if isinstance(directory, ListsPeople) else ()
    seen = [each for each in everybody if visitor.tenant is None or each.belongs_to(visitor.tenant)]
    known = [Known.of(each, away=each.is_away(now)) for each in seen]
    return answer(forms.PEOPLE, tuple(sorted(known, key=lambda each: (each.name or each.id).casefold())))
