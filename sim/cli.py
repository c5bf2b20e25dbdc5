"""The command ``monazite``. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from sim.errors import MonaziteError, did_you_mean

__all__ = ["build_parser", "main"]

QUICK = ("list", "validate", "describe", "show", "new", "migrate", "schema")
COMMANDS = (
    *QUICK, "run", "compare", "check", "hindcast", "calibrate", "demo", "sweep", "resume", "rerun",
    "sensitivity",
)  # fmt: skip


class _Parser(argparse.ArgumentParser):
    """Says what was meant, and ends with exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Raise rather than exit, so that every error takes the same way out."""
        quoted = message.split("'")
        if "invalid choice" in message and len(quoted) > 2:
            word, allowed = quoted[1], COMMANDS if "command" in quoted[0] else quoted[3::2]
            raise MonaziteError(f"unknown word '{word}'; {did_you_mean(word, allowed)}")
        raise MonaziteError(f"{message}; see '{self.prog} --help'")


class _Version(argparse.Action):
    """Prints the version; reading it costs too much to do it on every call."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"monazite {version('monazite')}")
        except PackageNotFoundError:
            print("monazite (not installed)")
        parser.exit(0)


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser of one command, or of all of them when it is none that exists."""
    parser = _Parser(
        prog="monazite",
        description="Simulate supply shocks in critical minerals.",
        epilog="'monazite COMMAND --help' says more. First steps: monazite list, monazite describe "
        "ree-licence-2025, monazite run baseline-2024 ree-licence-2025.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    subparsers = parser.add_subparsers(metavar="COMMAND", dest="command", parser_class=_Parser)
    for name in [command] if command in COMMANDS else COMMANDS:
        importlib.import_module(f"sim.commands.{name}").register(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, or 2 for bad input, or 130 when interrupted."""
    # Searching every installed package for pydantic plugins takes as long as validating a scenario.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] and words[0] in QUICK and gc.isenabled():
        # A tenth of what these commands take would go into collecting garbage while modules load,
        # another twentieth into looking for plugins of pydantic that would change our models.
        gc.disable()
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
        try:
            return _run(words)
        finally:
            gc.enable()
    return _run(words)


def _run(words: Sequence[str]) -> int:
    try:
        parser = build_parser(words[0] if words else None)
        args = parser.parse_args(words)
        if args.command is None:
            parser.print_help()
            return 2
        code: int = args.main(args)
        sys.stdout.flush()
        return code
    except MonaziteError as error:
        print(str(error), file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader of a pipe has seen enough; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
