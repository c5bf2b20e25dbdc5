"""``monazite completion``: what makes a shell complete commands, options and scenario names."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence

from sim.commands.output import say

__all__ = ["candidates", "main", "register"]

SCRIPTS = {
    "bash": """\
_monazite() {
  local IFS=$'\\n'
  COMPREPLY=($(monazite completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _monazite monazite
""",
    "zsh": """\
#compdef monazite
_monazite() {
  local -a found
  found=("${(@f)$(monazite completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -- $found || _files
}
compdef _monazite monazite
""",
    "fish": """\
function __monazite
  monazite completion words -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null
end
complete -c monazite -a '(__monazite)'
""",
}
ParserOf = Callable[[str], argparse.ArgumentParser]
OF_SCENARIOS = ("describe", "show", "validate", "run", "sweep")
"""Commands that take names of scenarios."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``completion`` to the command line."""
    parser = subparsers.add_parser(
        "completion",
        help="print what makes bash, zsh or fish complete commands, options and scenario names",
        description="Print a script for a shell. bash: put 'source <(monazite completion bash)' into "
        "~/.bashrc; zsh: the same with zsh into ~/.zshrc, below compinit; fish: 'monazite completion fish > "
        "~/.config/fish/completions/monazite.fish'.",
    )
    parser.add_argument("shell", choices=(*SCRIPTS, "words"), metavar="SHELL", help="bash, zsh or fish")
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Print the script, or what may stand where a half-written command line ends."""
    if args.shell in SCRIPTS:
        say(SCRIPTS[args.shell], end="")
        return 0
    for word in candidates(args.words, args.verbs, args.parser_of):
        say(word)
    return 0


def candidates(words: Sequence[str], verbs: Sequence[str], parser_of: ParserOf) -> list[str]:
    """Words that may take the place of the last one.

    Args:
        words: what stands behind ``monazite``, up to the cursor.
        verbs: all commands.
        parser_of: makes the parser of the whole command line, given a command.
    """
    last = words[-1] if words else ""
    return [word for word in dict.fromkeys(_possible(words, verbs, parser_of)) if word.startswith(last)]


def _possible(words: Sequence[str], verbs: Sequence[str], parser_of: ParserOf) -> Iterator[str]:
    from sim.scenario.find import names

    verb = words[0] if words else ""
    if len(words) < 2 or (verb == "help" and len(words) == 2):
        yield from (*verbs, "help", "--help", "--version")
        return
    if verb not in verbs:
        return
    before, last = words[-2], words[-1]
    (choices,) = [a for a in parser_of(verb)._actions if isinstance(a, argparse._SubParsersAction)]
    options = choices.choices[verb]._option_string_actions
    if before in options and options[before].nargs is None:
        yield from map(str, options[before].choices or ())
        if before == "--from":
            yield from names()
    elif last.startswith("-"):
        yield from options
    elif verb == "list" and len(words) == 2:
        from sim.commands.list import LISTINGS

        yield from LISTINGS
    elif verb in OF_SCENARIOS:
        yield from names()
