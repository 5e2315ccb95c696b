"""Comments in a store: on what is there and open, and on nothing else."""

from __future__ import annotations

import pytest

from hitl_core.commands import AddComment, ListComments
from hitl_core.errors import RequestNotFound
from hitl_core.protocol import Comment, Responder, new_id
from tests.core.stores.world import World


async def test_there_is_nothing_to_say_about_a_request_that_is_not_there(world: World) -> None:
    said = Comment(id=new_id(world.now), request_id="none", text="hello", by=Responder(id="bob"), made_at=world.now)
    with pytest.raises(RequestNotFound):
        await world.store.apply(AddComment(said, world.now))
    assert await world.store.fetch(ListComments("none")) == ()
