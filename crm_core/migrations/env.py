"""Run by `Database.upgrade`: migrations on the connection it hands over."""

from typing import Any, Literal

from alembic import context

from crm_core.schema import metadata


def render_item(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Our column types are written as crm_core.schema names them."""
    if kind == "type" and type(item).__module__ == "crm_core.schema_types":
        return f"schema.{type(item).__name__}()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_item=render_item,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
