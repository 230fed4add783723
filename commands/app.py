"""Typer with our habits: --json, --lang and --quiet on every command, help and usage errors in the user's language.

Help texts are the commands' docstrings and the options' `help`, in English; they are translated when the commands are
built, which is once a run, after the language is known.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator
from copy import copy
from functools import cache
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from commands.messages import MESSAGES
from commands.output import output, write
from commands.texts import N_, _, say
from config.exit_codes import USAGE

JSON_HELP = N_("print one JSON document instead of tables")
LANG_HELP = N_("language of texts: zh or en (default: CROSSTIE_LANG, then the locale)")
QUIET_HELP = N_("no notes and no progress: only results and errors")
HELP_HELP = N_("show this help and end")


class UsageFault(typer.TyperException):
    """A command line that cannot be understood; `code` is a key of MESSAGES (exit 2)."""

    def __init__(self, code: str, **params: str) -> None:
        self.code, self.params = code, params
        super().__init__(MESSAGES[code].format(**params))


def fault_of(exc: typer.TyperException, context: Any) -> UsageFault:
    """Typer's own findings in our words; which one it is shows in what the exception carries."""
    if isinstance(exc, UsageFault):
        return exc
    path = context.command_path if context else "crosstie"
    param, option = getattr(exc, "param", None), getattr(exc, "option_name", "")
    if option and hasattr(exc, "possibilities"):
        near = difflib.get_close_matches(option, _option_names(context), 1)
        if near:
            return UsageFault("no-such-option-near", name=option, nearest=near[0])
        return UsageFault("no-such-option", name=option, path=path)
    if option:
        return UsageFault("option-needs-value", name=option, path=path)
    if hasattr(exc, "param_type"):
        return UsageFault("missing-parameter", name=_name(param), path=path)
    if param is not None:
        return UsageFault("bad-parameter", name=_name(param), why=exc.message)
    if exc.message.startswith("Got unexpected extra argument"):
        return UsageFault("too-many-arguments", path=path, arguments=exc.message.partition("(s) (")[2].rstrip(")"))
    return UsageFault("bad-usage", why=exc.message.rstrip("."), path=path)


def _option_names(context: Any) -> list[str]:
    return [name for param in context.command.get_params(context) for name in param.opts] if context else []


def _name(param: Any) -> str:
    if param is None:
        return "-"
    return str(param.opts[-1] if param.param_type_name == "option" else (param.metavar or param.name.upper()))


def _set_flag(name: str) -> Any:
    def callback(value: bool) -> None:
        setattr(output, name, getattr(output, name) or value)

    return callback


def _check_language(value: str | None) -> None:
    if value not in (None, "zh", "en"):
        raise UsageFault("bad-language", value=str(value))


@cache
def _common_options() -> list[TyperOption]:
    """Made by Typer itself from a function's signature, so that they are options like all others."""
    maker = typer.Typer()

    @maker.command()
    def common(
        json: bool = typer.Option(False, "--json", help=JSON_HELP, callback=_set_flag("json")),
        lang: str = typer.Option(None, "--lang", metavar="zh|en", help=LANG_HELP, callback=_check_language),
        quiet: bool = typer.Option(False, "--quiet", help=QUIET_HELP, callback=_set_flag("quiet")),
    ) -> None:
        """Nothing: only its parameters are wanted."""

    options = [param for param in get_command(maker).params if param.name in ("json", "lang", "quiet")]
    for option in options:
        option.expose_value = False
    return options  # type: ignore[return-value]  # all three are options


class _Spoken:
    """What commands and groups share: the common options, help in our layout."""

    params: list[Any]
    help: str | None
    epilog: str | None
    short_help: str | None

    def _speak(self) -> None:
        self.help, self.epilog = _(self.help or ""), self.epilog or ""
        for param in self.params:
            param.help = _(param.help) if param.help else None
        self.params = [*self.params, *map(copy, _common_options())]
        for option in self.params[-3:]:
            option.help = _(option.help)


class Command(_Spoken, TyperCommand):
    """A command; `epilog` holds its examples, one a line: the command line, two blanks, what it does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._speak()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(help_text(self, ctx))


class Group(_Spoken, TyperGroup):
    """A group of commands."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._speak()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(help_text(self, ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """A group alone shows its help; that is no usage of it, so the exit code is 2."""
        if args or ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        write(self.get_help(ctx))
        raise typer.Exit(USAGE)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            near = difflib.get_close_matches(name, list(self.commands), 1)
            if near:
                raise UsageFault("no-such-command-near", name=name, nearest=near[0])
            raise UsageFault("no-such-command", name=name, path=ctx.command_path)
        return super().resolve_command(ctx, args)


def help_text(command: Any, ctx: Any) -> str:
    """Usage, what it does, examples, arguments, options, commands."""
    from commands.output import columns  # draws with Rich, which only help needs here

    arguments, options = _parameters(command, ctx)
    parts = [say("Usage: {usage}", usage=" ".join([ctx.command_path, *_pieces(command, bool(options))]))]
    parts.append(inspect.cleandoc(command.help))
    sections = [
        (_("Arguments"), arguments),
        (_("Commands"), _commands(command, ctx)),
        (_("Options"), options),
    ]
    if command.epilog:
        parts.append("\n".join([_("Examples"), *_examples(command.epilog)]))
    parts += [f"{title}\n{columns(rows)}" for title, rows in sections if rows]
    return "\n\n".join(parts) + "\n"


def _pieces(command: Any, has_options: bool) -> list[str]:
    names = [_usage(param) for param in command.params if param.param_type_name == "argument"]
    last = [_("COMMAND")] if isinstance(command, Group) else []
    return [*last, *names, *([f"[{_('OPTIONS')}]"] if has_options else [])]


def _usage(param: Any) -> str:
    name = _name(param) + ("…" if param.nargs == -1 else "")
    return name if param.required else f"[{name}]"


def _parameters(command: Any, ctx: Any) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    arguments, options = [], []
    for param in command.params:
        if param.hidden:
            continue
        if param.param_type_name == "argument":
            arguments.append((_name(param), param.help or ""))
        else:
            value = "" if param.is_flag else f" {param.metavar or _('TEXT')}"
            options.append((", ".join([*param.opts, *param.secondary_opts]) + value, _described(param)))
    return arguments, [*options, ("--help", _(HELP_HELP))]


def _described(param: Any) -> str:
    if param.required:
        return f"{param.help or ''} {_('[required]')}".strip()
    if param.is_flag or param.default in (None, "", []):
        return param.help or ""
    return f"{param.help or ''} {say('[default: {value}]', value=param.default)}".strip()


def _commands(command: Any, ctx: Any) -> list[tuple[str, str]]:
    if not isinstance(command, Group):
        return []
    visible = [(name, one) for name, one in command.commands.items() if not one.hidden]
    return [(name, (one.help or "").split("\n\n")[0].replace("\n", " ")) for name, one in visible]


def _examples(epilog: str) -> Iterator[str]:
    for line in inspect.cleandoc(epilog).splitlines():
        command, _blanks, meaning = line.strip().partition("  ")
        yield f"  {command}"
        if meaning:
            yield f"      {_(meaning.strip())}"


def examples(*pairs: tuple[str, str]) -> str:
    """An epilog: (command line without `crosstie`, what it does)."""
    return "\n".join(f"crosstie {line}  {meaning}" for line, meaning in pairs)


def new_app(**settings: Any) -> typer.Typer:
    """A Typer without its own error pages (they print locals), its own completion commands and its own help layout."""
    return typer.Typer(
        cls=Group,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        **settings,
    )
