"""The names of things as people of the field say them, in the language in use."""

from __future__ import annotations

from commands.texts import _
from config.words import ACTIONS, BASES, DIFFERENCES, DIRECTIONS, OBJECTS, STAGES, STATES


def object_name(obj: str) -> str:
    return _(OBJECTS.get(obj, obj))


def state_name(state: str) -> str:
    return _(STATES.get(state, state))


def basis_name(basis: str) -> str:
    return _(BASES.get(basis, basis))


def action_name(action: str) -> str:
    return _(ACTIONS.get(action, action))


def stage_name(stage: str) -> str:
    return _(STAGES.get(stage, stage))


def direction_name(direction: str) -> str:
    return _(DIRECTIONS.get(direction, direction))


def difference_name(kind: str) -> str:
    return _(DIFFERENCES.get(kind, kind))
