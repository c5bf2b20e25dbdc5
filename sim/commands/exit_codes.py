"""What a command's exit code says, in one place: scripts go on by it."""

from __future__ import annotations

import re
import sys

from sim.commands.output import say

__all__ = [
    "BAD_INPUT", "CONDITION_HOLDS", "DONE", "EXIT_CODES", "FAILED_RUNS", "HELP", "NOT_COMPLETE", "SIGNAL",
    "UNCERTIFIED", "say_verdict", "verdict",
]  # fmt: skip

DONE, NOT_COMPLETE, BAD_INPUT, FAILED_RUNS, UNCERTIFIED, CONDITION_HOLDS = 0, 1, 2, 3, 4, 5
SIGNAL = 128
"""Added to the number of the signal that stopped a command."""

EXIT_CODES = {
    "0": "done",
    "1": "not done: runs are missing, a check or a repeated run failed",
    "2": "the input cannot be used; the message says what to change",
    "3": "finished with failures: all runs were tried, some failed",
    "4": "uncertified: all runs finished, markets of some carry no certificate",
    "5": "a condition of 'compare --fail-if' holds; all else is done",
    "128 + n": "stopped by signal n (129 SIGHUP, 130 Ctrl-C, 143 SIGTERM); what is finished is kept",
}
"""Exit code -> meaning; ``docs/results.md`` shows the same table."""
SHORT = {code: re.split(r"[:;(]", meaning)[0].strip() for code, meaning in EXIT_CODES.items()}
HELP = "exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in SHORT.items())


def verdict(failed: int, runs: int, cleared: int, certified: int) -> tuple[int, str]:
    """Exit code of finished runs, and the line that says so last; empty where all is well.

    Args:
        failed: runs that failed. runs: all of them.
        cleared: markets solved in the others. certified: those of them that carry a certificate.

    >>> verdict(2, 10, 80, 80)
    (3, 'finished with failures: 2 of 10 runs failed (exit code 3)')
    >>> verdict(0, 10, 100, 90)
    (4, 'uncertified: 10 of 100 markets carry no certificate (exit code 4)')
    """
    if failed:
        text = f"finished with failures: {failed:,} of {runs:,} runs failed"
        return FAILED_RUNS, f"{text} (exit code {FAILED_RUNS})"
    if certified < cleared:
        text = f"uncertified: {cleared - certified:,} of {cleared:,} markets carry no certificate"
        return UNCERTIFIED, f"{text} (exit code {UNCERTIFIED})"
    return DONE, ""


def say_verdict(failed: int, runs: int, cleared: int, certified: int) -> int:
    """Print the line of :func:`verdict` as the last of all, and return its exit code."""
    code, text = verdict(failed, runs, cleared, certified)
    if text:
        sys.stdout.flush()
        say(text, file=sys.stderr, flush=True)
    return code
