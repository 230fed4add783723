"""How Galaxy words its answers: compact JSON, ResponseStatus, errors that come with HTTP 200."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sandbox.http import Response

Answer = dict[str, Any]

LOST, NO_RIGHT, NO_OPERATION, FAILED, NO_FORM, DATABASE, LICENCE, PARAMETER = 1, 2, 3, 4, 5, 6, 7, 8
NO_FIELD, NOT_FOUND, INVALID, NOT_OPERABLE, LOCKED, TOO_MANY = 9, 10, 11, 12, 13, 14
"""MsgCode of a ResponseStatus; 0 says nothing."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class GalaxyError(Exception):
    """A refusal: one or several texts, each with the field it is about, under one MsgCode."""

    def __init__(self, message: str, code: int = INVALID, field: str | None = None) -> None:
        super().__init__(message)
        self.message, self.code, self.field = message, code, field


class ServerError(Exception):
    """An exception nobody caught: the answer is a plain text that begins with `response_error:`."""


@dataclass(frozen=True)
class Refused:
    """One document of a call was refused."""

    at: int
    error: GalaxyError


@dataclass(frozen=True)
class Done:
    """One document of a call went through; `needed` are the values asked for by NeedReturnFields."""

    at: int
    id: Any
    number: str
    needed: Answer


def json_response(answer: Any, cookies: Iterable[str] = ()) -> Response:
    headers = {"content-type": "application/json; charset=utf-8", "cache-control": "private"}
    return Response(200, headers, _ENCODER.encode(answer), list(cookies))


def text_response(text: str, status: int = 200) -> Response:
    return Response(status, {"content-type": "text/plain; charset=utf-8"}, text.encode())


def response_error(text: str, status: int = 200) -> Response:
    return text_response(f"response_error:{text}", status)


def status_of(outcomes: Iterable[Done | Refused]) -> Answer:
    """ResponseStatus of a call on several documents: it failed if any of them failed."""
    outcomes = list(outcomes)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    status: Answer = {
        "IsSuccess": not refused,
        "Errors": [
            {"FieldName": one.error.field, "Message": one.error.message, "DIndex": one.at} for one in refused
        ],
        "SuccessEntitys": [
            {"Id": one.id, "Number": one.number, "DIndex": one.at} for one in outcomes if isinstance(one, Done)
        ],
        "SuccessMessages": [],
        "MsgCode": refused[0].error.code if refused else 0,
    }  # fmt: skip
    return {"ErrorCode": 500, **status} if refused else status


def failure(error: GalaxyError) -> Answer:
    return {"Result": {"ResponseStatus": status_of([Refused(0, error)])}}


def refusal_for(method: str, error: GalaxyError) -> Any:
    """A query's error is a row of one cell; BillQuery's and everybody else's is the bare object; View has a Result."""
    bare = failure(error)
    if method == "executebillquery":
        return [[bare]]
    if method == "view":
        bare["Result"]["Result"] = None
    return bare


def truth(value: Any, default: bool = False) -> bool:
    """Booleans arrive as such or as the texts true and false in any case; absent or empty is the default."""
    if isinstance(value, bool):
        return value
    text = "" if value is None else str(value).strip().lower()
    return default if not text else text in ("true", "1")


def lower_keys(values: Mapping[str, Any]) -> Answer:
    return {str(key).lower(): value for key, value in values.items()}
