"""The HTTP status of every error, by its code. One table, and a test that it leaves none out."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from ..errors import HitlError

STATUS: Final[Mapping[str, HTTPStatus]] = {
    "HITL-000": HTTPStatus.INTERNAL_SERVER_ERROR,
    # What the server is set up with. What somebody sends is refused by its own class.
    "HITL-C01": HTTPStatus.INTERNAL_SERVER_ERROR,
    "HITL-C02": HTTPStatus.UNPROCESSABLE_ENTITY,
    "HITL-C03": HTTPStatus.UNPROCESSABLE_ENTITY,
    "HITL-R01": HTTPStatus.UNPROCESSABLE_ENTITY,
    "HITL-R02": HTTPStatus.UNPROCESSABLE_ENTITY,
    "HITL-R03": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "HITL-R04": HTTPStatus.UNPROCESSABLE_ENTITY,
    "HITL-R05": HTTPStatus.INTERNAL_SERVER_ERROR,
    # Not even a call; what is one, and says something that cannot be, is UNPROCESSABLE_ENTITY.
    "HITL-R06": HTTPStatus.BAD_REQUEST,
    "HITL-A01": HTTPStatus.INTERNAL_SERVER_ERROR,
    "HITL-A02": HTTPStatus.INTERNAL_SERVER_ERROR,
    # Another process may have the framework.
    "HITL-A03": HTTPStatus.SERVICE_UNAVAILABLE,
    "HITL-A04": HTTPStatus.SERVICE_UNAVAILABLE,
    "HITL-A05": HTTPStatus.INTERNAL_SERVER_ERROR,
    "HITL-A06": HTTPStatus.INTERNAL_SERVER_ERROR,
    "HITL-A07": HTTPStatus.CONFLICT,
    "HITL-A08": HTTPStatus.CONFLICT,
    "HITL-A09": HTTPStatus.CONFLICT,
    "HITL-A10": HTTPStatus.INTERNAL_SERVER_ERROR,
    "HITL-D01": HTTPStatus.UNPROCESSABLE_ENTITY,
    "HITL-D02": HTTPStatus.NOT_FOUND,
    "HITL-D03": HTTPStatus.CONFLICT,
    "HITL-D04": HTTPStatus.CONFLICT,
    "HITL-D05": HTTPStatus.CONFLICT,
    "HITL-D06": HTTPStatus.FORBIDDEN,
    "HITL-D07": HTTPStatus.PRECONDITION_FAILED,
    "HITL-D08": HTTPStatus.UNPROCESSABLE_ENTITY,
    "HITL-U01": HTTPStatus.CONFLICT,
    "HITL-U02": HTTPStatus.NOT_FOUND,
    "HITL-U03": HTTPStatus.CONFLICT,
    "HITL-U04": HTTPStatus.CONFLICT,
    "HITL-U05": HTTPStatus.CONFLICT,
    "HITL-U06": HTTPStatus.CONFLICT,
    "HITL-U07": HTTPStatus.UNPROCESSABLE_ENTITY,
    "HITL-U08": HTTPStatus.FORBIDDEN,
    "HITL-U09": HTTPStatus.CONFLICT,
    "HITL-U10": HTTPStatus.CONFLICT,
    "HITL-U11": HTTPStatus.UNPROCESSABLE_ENTITY,
    "HITL-U12": HTTPStatus.NOT_FOUND,
    "HITL-U13": HTTPStatus.CONFLICT,
    "HITL-U14": HTTPStatus.NOT_FOUND,
    "HITL-U15": HTTPStatus.UNPROCESSABLE_ENTITY,
    "HITL-P01": HTTPStatus.FORBIDDEN,
    "HITL-P02": HTTPStatus.UNAUTHORIZED,
    "HITL-E01": HTTPStatus.CONFLICT,
    "HITL-E02": HTTPStatus.CONFLICT,
    "HITL-E03": HTTPStatus.CONFLICT,
    "HITL-E04": HTTPStatus.CONFLICT,
    "HITL-E05": HTTPStatus.CONFLICT,
    "HITL-E06": HTTPStatus.CONFLICT,
    "HITL-E07": HTTPStatus.CONFLICT,
    "HITL-S01": HTTPStatus.SERVICE_UNAVAILABLE,
    "HITL-S02": HTTPStatus.SERVICE_UNAVAILABLE,
    "HITL-S03": HTTPStatus.SERVICE_UNAVAILABLE,
    "HITL-S04": HTTPStatus.SERVICE_UNAVAILABLE,
    "HITL-S05": HTTPStatus.SERVICE_UNAVAILABLE,
    "HITL-S06": HTTPStatus.SERVICE_UNAVAILABLE,
}


def status_of(error: HitlError) -> HTTPStatus:
    """The status of an error; of one that is not in the table (an adapter's own), that something is wrong here."""
    return STATUS.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)
