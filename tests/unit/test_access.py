"""Who may do what: every service asks, and an action that nobody listed is nobody's."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from crm_core import access
from crm_core.access import ACTIONS, AccessDeniedError, Actor
from tests.crm import ADMIN, FINANCE, IT, SALES

CORE = Path(access.__file__).parent


def test_roles_may_what_their_work_needs() -> None:
    assert access.may(SALES, "quotes.accept")
    assert not access.may(FINANCE, "quotes.accept")
    assert access.may(FINANCE, "rates.write")
    assert not access.may(SALES, "outbox.settle")
    assert access.may(IT, "outbox.settle")
    assert not access.may(IT, "mappings.publish")
    assert all(access.may(ADMIN, action) for action in ACTIONS)


def test_roles_of_several_add_up_and_no_role_allows_nothing() -> None:
    both = Actor("b", frozenset({"sales", "finance"}))
    assert access.may(both, "quotes.accept")
    assert access.may(both, "rates.write")
    assert not any(access.may(Actor("x", frozenset()), action) for action in ACTIONS)


def test_an_action_that_nobody_listed_is_refused_with_a_clear_message() -> None:
    with pytest.raises(AccessDeniedError) as refused:
        access.require(ADMIN, "quotes.burn")
    assert "quotes.burn" in str(refused.value)
    assert all(roles <= access.ROLES for roles in ACTIONS.values())


def public_services() -> list[tuple[str, ast.FunctionDef]]:
    """Public functions of crm_core that take an actor and a database."""
    found = []
    for path in sorted(CORE.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                names = [arg.arg for arg in node.args.args]
                if names[:2] == ["db", "actor"]:
                    found.append((path.stem, node))
    return found


def asks(module: str, node: ast.FunctionDef, nodes: dict[tuple[str, str], ast.FunctionDef]) -> bool:
    """Whether a service asks itself or through another function of its module."""
    called = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
    for func in called:
        if isinstance(func, ast.Attribute) and func.attr == "require":
            return True
        inner = nodes.get((module, func.id)) if isinstance(func, ast.Name) else None
        if inner is not None and inner is not node and asks(module, inner, nodes):
            return True
    return False


def test_every_service_asks_before_it_does_anything() -> None:
    nodes = {
        (path.stem, node.name): node
        for path in CORE.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    services = public_services()
    assert len(services) > 30
    assert [
        f"{module}.{node.name}" for module, node in services if not asks(module, nodes[module, node.name], nodes)
    ] == []


def test_every_action_asked_for_is_listed_and_every_listed_one_is_asked_for() -> None:
    asked = set()
    for path in [*CORE.glob("*.py"), *(CORE.parent / "config").glob("*.py")]:
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "require":
                asked.update(arg.value for arg in call.args if isinstance(arg, ast.Constant))
    assert asked == set(ACTIONS)
