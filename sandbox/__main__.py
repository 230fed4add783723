"""`python -m sandbox up PRODUCT`: run a sandbox until it is stopped; one JSON line on stdout says it is ready."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

from sandbox.server import PASSWORD, PRODUCTS, USER, start


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        sandbox = start(
            options.product,
            data=options.data,
            rows=options.rows,
            date=options.date,
            seed=options.seed,
            port=options.port,
            user=options.user,
            password=options.password,
            tolerant_clock=options.tolerant_clock,
            state=options.state,
            options=dict(options.option),
        )
    except (ValueError, OSError) as problem:
        print(f"sandbox: {problem}", file=sys.stderr)
        return 2
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    if options.with_parent:
        threading.Thread(target=_wait_for_parent, args=(stopped,), daemon=True).start()
    print(sandbox.announcement(), flush=True)
    while not stopped.wait(0.5):
        pass
    sandbox.stop()
    return 0


def _wait_for_parent(stopped: threading.Event) -> None:
    """Standard input is a pipe from whoever started us: it ends with him, however he ends."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    stopped.set()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="ERP sandboxes")
    up = parser.add_subparsers(dest="command", required=True).add_parser("up", help="run a sandbox until it is stopped")
    up.add_argument("product", choices=sorted(PRODUCTS))
    up.add_argument("--port", type=_number(65_535), default=0, help="0 takes a free one")
    up.add_argument("--data", type=Path, help="folder of a data set; made-up data without it")
    up.add_argument("--rows", type=_number(1_000_000_000), help="so many made-up orders, for load")
    up.add_argument("--date", type=date.fromisoformat, help="the day the ERP's clock starts at, YYYY-MM-DD")
    up.add_argument("--seed", type=int, default=7, help="of everything made up")
    up.add_argument("--state", type=Path, help="file that keeps the books; where it exists, go on from it")
    up.add_argument("--option", type=_option, action="append", default=[], metavar="NAME=VALUE", help="of the product")
    up.add_argument("--with-parent", action="store_true", help="end when standard input does")
    up.add_argument("--user", default=USER)
    up.add_argument("--password", default=PASSWORD)
    up.add_argument(
        "--tolerant-clock", action="store_true", help="the Date header shows this machine's clock, not the ERP's"
    )
    return parser


def _number(most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) > most:
            raise argparse.ArgumentTypeError(f"{text} is no whole number from 0 to {most}")
        return int(text)

    return number


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("write it as NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
