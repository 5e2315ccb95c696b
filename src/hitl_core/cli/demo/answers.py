"""What the demo answers when nobody is there to be asked. Pure."""

from __future__ import annotations

import json

from ...protocol import Answer, Arguments, Choose, Kind, PauseRequest, Reply, Responder, Response
from ..commands.decisions import Given, response


def canned(request: PauseRequest, word: Reply, who: Responder) -> Response:
    """An unattended answer: `word` for a call, something that fits for a question. Raises WrongUsage."""
    match request.kind:
        case Kind.INPUT:
            return Response.to(request, Answer(value="Yes. Thank the customer for the photo."), by=who)
        case Kind.CHOICE:
            return Response.to(request, Choose(option=request.options[0].id), by=who)
        case _:
            return response(request, word, _canned_options(request, word), by=who)


def _canned_options(request: PauseRequest, word: Reply) -> Given:
    match word:
        case Reply.EDIT:
            return Given(args=json.dumps(_less(request.action.arguments)))
        case Reply.REJECT:
            return Given(message="Not without a photo of the damage.")
        case Reply.ANSWER:
            return Given(message="The branch manager calls the customer back instead.")
        case Reply.REVISE:
            return Given(message="Shorter, please.")
        case Reply.CHOOSE:
            return Given(option=request.options[0].id if request.options else "")
        case _:
            return Given()


def _less(arguments: Arguments) -> Arguments:
    """The arguments with every number halved: what a careful person might make of a refund."""
    return {
        name: value / 2 if isinstance(value, int | float) and not isinstance(value, bool) else value
        for name, value in arguments.items()
    }
