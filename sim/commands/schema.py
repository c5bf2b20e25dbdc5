"""``monazite schema``: the JSON Schema with which editors complete and explain scenario files."""

from __future__ import annotations

import argparse
import sys

__all__ = ["main", "register"]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``schema`` to the command line."""
    parser = subparsers.add_parser(
        "schema",
        help="print the JSON Schema of scenario files, for editors",
        description="Print the JSON Schema of scenario files, made from the fields of the instruments and "
        "the words of all base years. An editor uses it where the first line of a scenario says "
        "'# yaml-language-server: $schema=PATH'; 'monazite new' writes that line.",
        epilog="example: monazite schema > scenario.schema.json",
    )
    parser.set_defaults(main=main)


def main(_: argparse.Namespace) -> int:
    """Print the schema of the world tables that are installed."""
    from sim.paths import base_years
    from sim.scenario.json_schema import schema_text
    from sim.world.labels import load_labels

    sys.stdout.write(schema_text([load_labels(year) for year in base_years()]))
    return 0
