"""The command ``monazite``. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from sim.errors import MonaziteError, did_you_mean, not_installed

__all__ = ["build_parser", "main"]

QUICK = ("list", "validate", "describe", "show", "new", "migrate", "schema", "world", "register")
COMMANDS = (
    *QUICK, "run", "compare", "explain", "report", "check", "hindcast", "calibrate", "demo", "sweep",
    "scan", "merger-review", "resume", "rerun", "sensitivity", "discover", "teach", "completion",
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


class _Verb(_Parser):
    """One command. Options may stand anywhere: before, between or behind names and overrides."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Options first, as argparse wants it; what nobody knows is said here, by the command itself."""
        found, rest = super().parse_known_args(self._options_first(args or ()), namespace)
        if rest:
            self.error(f"'{rest[0]}' is one word too many")
        return found, rest

    def _options_first(self, words: Sequence[str]) -> list[str]:
        """The same words, options with their values before all others."""
        options: list[str] = []
        others: list[str] = []
        waiting = list(words)
        while waiting:
            word = waiting.pop(0)
            if word == "--":
                others += waiting
                break
            if not word.startswith("-") or word == "-":
                others.append(word)
                continue
            options.append(word)
            action = self._option(word)
            if action.nargs is None and "=" not in word:
                if not waiting or waiting[0].startswith("--"):
                    self.error(f"{word} needs a value")
                # Joined, so that a value which starts with a dash stays one.
                options[-1:] = [f"{word}={waiting.pop(0)}"]
        return [*options, *(["--"] if any(word.startswith("-") for word in others) else []), *others]

    def _option(self, word: str) -> argparse.Action:
        """What an option does, by its name or the beginning of it.

        Raises:
            MonaziteError: there is none, or the beginning fits several.
        """
        name = word.partition("=")[0]
        known = self._option_string_actions
        fitting = {known[name]} if name in known else {
            action for full, action in known.items() if name.startswith("--") and full.startswith(name)
        }  # fmt: skip
        if len(fitting) == 1:
            return fitting.pop()
        verb = self.prog.rpartition(" ")[2]
        if fitting:
            names = sorted(full for full in known if full.startswith(name))
            self.error(f"{verb}: '{name}' may be {' or '.join(names)}")
        flags = [flag for flag in known if flag.startswith("--")]
        guess = did_you_mean(name, flags, list_up_to=20)
        said = f"{verb} has no option '{name}'"
        remedy = guess or f"see 'monazite {verb} --help'"
        raise MonaziteError(f"{said}; {remedy}")


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
        epilog="'monazite help COMMAND' says more. First steps: monazite list, monazite describe "
        "ree-licence-2025, monazite run baseline-2024 ree-licence-2025. Exit codes: 0 done; 1 not done; "
        "2 the input cannot be used; 3 finished, but runs failed; 4 finished, but markets are uncertified; "
        "more in docs/results.md.",
    )
    parser.set_defaults(verbs=COMMANDS, parser_of=build_parser)
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    subparsers = parser.add_subparsers(metavar="COMMAND", dest="command", parser_class=_Verb)
    for name in [command] if command in COMMANDS else COMMANDS:
        importlib.import_module(f"sim.commands.{name.replace('-', '_')}").register(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code; :mod:`sim.commands.exit_codes` has the table."""
    # Searching every installed package for pydantic plugins takes as long as validating a scenario.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    words = _verb_first(sys.argv[1:] if argv is None else list(argv))
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


def _verb_first(words: list[str]) -> list[str]:
    """The words with the command in front; ``help COMMAND`` is ``COMMAND --help``."""
    if words[:1] == ["help"]:
        return [*words[1:2], "--help"]
    if words[:1] and words[0].startswith("-") and not {"-h", "--help", "--version"} & {words[0]}:
        place = next((i for i, word in enumerate(words) if word in COMMANDS), 0)
        return [words[place], *words[:place], *words[place + 1 :]]
    return words


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
    except ModuleNotFoundError as error:
        if (error.name or "sim").partition(".")[0] == "sim":
            raise
        print(not_installed(error), file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of a pipe has seen enough; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
