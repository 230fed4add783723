"""The command `crosstie`: language first, then the commands, then one place for whatever goes wrong."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from commands.texts import N_, _, choose_language, use_language

INTERRUPTED_TEXT = N_("Interrupted. Everything stored so far is whole; run the command again to go on.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    args = list(sys.argv[1:] if arguments is None else arguments)
    _print_anything()
    use_language(choose_language(args))
    from commands import build, failures  # after the language is known
    from commands.output import output
    from config.exit_codes import INTERRUPTED
    from config.logs import log_to
    from config.settings import load_settings

    settings = load_settings()
    output.json, output.quiet = _has(args, "--json"), _has(args, "--quiet")
    with log_to(settings):
        try:
            code = build.run(args)
        except KeyboardInterrupt:
            code = INTERRUPTED
        except BrokenPipeError:
            return _closed_pipe()
        except Exception as exc:
            return failures.report(exc, settings)
    if code == INTERRUPTED:
        output.warn(_(INTERRUPTED_TEXT))
    return code


def _closed_pipe() -> int:
    """Whoever read our output has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _has(arguments: Sequence[str], flag: str) -> bool:
    """Whether the flag is given; asked before the line is understood, so that also its faults are told as JSON."""
    return flag in arguments[: arguments.index("--")] if "--" in arguments else flag in arguments


def _print_anything() -> None:
    """A character that the terminal's code page lacks is replaced; it never ends a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    raise SystemExit(main())
