"""``monazite compare``: stored runs against a baseline, as a table, as files for others and as pictures."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.exit_codes import CONDITION_HOLDS, DONE
from sim.commands.output import plural, say, write_bytes, write_json
from sim.errors import MonaziteError, did_you_mean
from sim.paths import outputs_directory, shown

if TYPE_CHECKING:
    from sim.analysis.baselines import Group
    from sim.analysis.conditions import Condition, Verdict
    from sim.analysis.paired import Comparison, Wanted
    from sim.results import Run

__all__ = [
    "Asked", "Compared", "compare_as_asked", "compare_runs", "main", "picture_folder", "register",
]  # fmt: skip

GOODS_SHOWN = 2
"""Goods compared when none is asked for: those whose price moved most."""
FORMATS = ("csv", "md", "xlsx", "parquet", "iamc")
PRINTABLE = ("csv", "md", "iamc")
DESCRIPTION = """Prices inside and outside the controlling country, unmet demand by country,
how likely a shortage is, months to recover, and who gains and loses in money,
with bands over paired members; then pictures of the same. Members are paired
by sample, replicate and number; each run is compared with what its file names
under compare_to, never with one that nobody chose."""
EPILOG = """example:
  monazite compare outputs/my-campaign --vs baseline-2024 --good dysprosium

conditions of --fail-if, exit code 5 where one holds in any scenario:
  shortage.JPN.magnets > 10 %                     the median over members
  p90(price.gallium) > 900 USD/kg                 or p10
  probability(shortage.JPN.magnets > 10 %) > 25 %
A measure, then behind dots and in any order a country (ISO-3), a sector, a
good (id, mineral or a word of its name); net and value_at_risk are of a
country, owner_sales of an owner. docs/results.md lists the measures."""


@dataclass(frozen=True)
class Asked:
    """What a reader wants to see, in words of the command line; empty is the usual.

    Attributes:
        goods: by id, mineral or a word of the name.
        scenarios: columns beside the baseline.
        importers: countries by code or name. sectors, owners: by name.
        threshold: share of requirement above which a member counts as short.
        conditions: of ``--fail-if``.
    """

    goods: Sequence[str] = ()
    scenarios: Sequence[str] = ()
    importers: Sequence[str] = ()
    sectors: Sequence[str] = ()
    owners: Sequence[str] = ()
    threshold: float = 0.10
    conditions: Sequence[str] = ()


NOTHING = Asked()


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``compare`` to the command line."""
    parser = subparsers.add_parser(
        "compare",
        help="compare stored runs with a baseline: table and pictures",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", type=Path, metavar="RUN|CAMPAIGN", help="directory of a run or of a campaign")
    parser.add_argument(
        "--vs", default=None, metavar="NAME",
        help="baseline, a scenario or a variant (default: what each run's file names under compare_to)",
    )  # fmt: skip
    for option, word, text in (
        ("--good", "GOOD|MINERAL", "good or mineral to compare (default: those whose price moved most)"),
        ("--scenario", "NAME", "only these scenarios or variants beside the baseline (default: all)"),
        ("--importer", "COUNTRY", "show what this country pays, gets, lacks and gains, by code or name"),
        ("--sector", "SECTOR", "show what this sector of users lacks"),
        ("--owner", "NAME", "show the sales of this owner of facilities"),
        ("--fail-if", "CONDITION", "end with exit code 5 where it holds; see below"),
    ):
        many = "; repeat for several" if option == "--fail-if" else "; repeat or part by commas for several"
        parser.add_argument(option, action="append", default=None, metavar=word, help=text + many)
    parser.add_argument(
        "--shortage-above", default="10 %", metavar="SHARE",
        help="unmet share of need above which a member counts as short (default: 10 %%)",
    )  # fmt: skip
    parser.add_argument(
        "--table", choices=FORMATS, default=None,
        help="also write the table: tidy rows (csv, xlsx, parquet), Markdown, or yearly series (iamc)",
    )  # fmt: skip
    parser.add_argument(
        "--to", type=Path, default=None, metavar="FILE",
        help="where --table goes (default: comparison.FORMAT inside; - prints csv, md or iamc alone)",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the table as JSON")
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--plots", type=Path, default=None, metavar="DIR", help="where pictures go (default: plots/ inside)"
    )
    group.add_argument("--no-plots", action="store_true", help="table only")
    parser.set_defaults(main=main)


def _found(path: Path) -> Path:
    """The directory meant: as given, or inside the outputs folder."""
    if path.exists() or path.is_absolute():
        return path
    inside = outputs_directory() / path
    return inside if inside.exists() else path


def _groups(path: Path, baseline: str | None) -> list[Group]:
    """What to compare with what; a single run brings its baseline along from its campaign."""
    from sim.analysis.baselines import NoBaselineError, groups
    from sim.results import find_runs

    runs = find_runs(path)
    if len(runs) > 1 or runs[0].directory != path:
        return groups(runs, baseline)
    (run,) = runs
    try:
        return groups(runs, baseline)
    except NoBaselineError as missing:
        try:
            beside = find_runs(path.resolve().parent)
        except MonaziteError:
            raise missing from None
        others = [other for other in beside if other.scenario != run.scenario]
        found = groups([run, *others], baseline)
        return [replace(group, runs=(run,)) for group in found if run.id in {r.id for r in group.runs}]


def _chosen(found: Sequence[Group], names: Sequence[str]) -> list[Group]:
    """The groups with the scenarios asked for alone.

    Raises:
        MonaziteError: there is no scenario or variant of a name.
    """
    from sim.analysis.baselines import family, shown_name

    if not names:
        return list(found)
    calls = {run.id: {run.scenario, run.id, family(run), shown_name(run)} for g in found for run in g.runs}
    known = list(dict.fromkeys(run.scenario for group in found for run in group.runs))
    for name in names:
        if not any(name in words for words in calls.values()):
            hint = did_you_mean(name, known) or f"there are {', '.join(known)}"
            raise MonaziteError(f"--scenario: no '{name}' beside the baseline; {hint}")
    kept = [
        replace(group, runs=tuple(run for run in group.runs if calls[run.id] & set(names))) for group in found
    ]
    return [group for group in kept if group.runs]


@dataclass(frozen=True)
class Compared:
    """A baseline with what was compared with it.

    Attributes:
        comparison: the table.
        runs: the baseline first.
        goods: by id.
        conditions: read on these runs.
    """

    comparison: Comparison
    runs: list[Run]
    goods: list[str]
    conditions: list[Condition]


def compare_runs(
    path: Path, baseline: str | None, names: Sequence[str]
) -> list[tuple[Comparison, list[Run], list[str]]]:
    """Compare stored runs, each with its baseline.

    Args:
        path: directory of a run or a campaign.
        baseline: scenario id; each run's own ``compare_to`` where ``None``.
        names: goods or minerals; those whose price moved most where empty.

    Returns:
        For each baseline the comparison, the runs with the baseline first, and the goods compared.

    Raises:
        MonaziteError: no run there, no baseline among them, an unknown good, or runs that are not paired.
    """
    made = compare_as_asked(path, baseline, Asked(goods=names))
    return [(one.comparison, one.runs, one.goods) for one in made]


def compare_as_asked(path: Path, baseline: str | None, asked: Asked = NOTHING) -> list[Compared]:
    """The same with all that a reader may ask for.

    Args:
        path: directory of a run or a campaign.
        baseline: scenario id; each run's own ``compare_to`` where ``None``.
        asked: what to show.

    Raises:
        MonaziteError: no run there, no baseline among them, an unknown name, or runs that are not paired.
    """
    from sim.analysis.baselines import NoBaselineError
    from sim.analysis.conditions import read_condition
    from sim.analysis.paired import compare_group, moved_most
    from sim.analysis.select import select_goods
    from sim.commands.advice import command_for

    try:
        found = _groups(_found(path), baseline)
    except NoBaselineError as missing:
        advice = command_for(missing.lacking, missing.wanted)
        raise MonaziteError(f"{shown(path)}: {missing}. {advice}") from None
    made = []
    for group in _chosen(found, asked.scenarios):
        first = min(group.together, key=lambda run: run.dataset.sizes["good"])
        conditions = [read_condition(text, first.dataset) for text in asked.conditions]
        goods = select_goods(first.dataset, asked.goods) if asked.goods else moved_most(group, GOODS_SHOWN)
        goods = list(dict.fromkeys([*goods, *(good for c in conditions for good in c.goods)]))
        wanted = _wanted(asked, conditions, first)
        made.append(Compared(compare_group(group, goods, wanted), group.together, goods, conditions))
    return made


def _wanted(asked: Asked, conditions: Sequence[Condition], run: Run) -> Wanted:
    """What every comparison of a run must hold, its conditions included."""
    from sim.analysis.paired import Wanted
    from sim.analysis.select import find_owner, select_countries, select_sectors

    data = run.dataset
    named = {
        "importers": select_countries(data, asked.importers, "--importer"),
        "sectors": select_sectors(data, asked.sectors, "--sector"),
        "owners": [find_owner(data, name, "--owner") for name in asked.owners],
    }
    for condition in conditions:
        for kind, name in zip(named, (condition.place, condition.sector, condition.owner), strict=True):
            named[kind] += [name] if name else []
    unique = {kind: tuple(dict.fromkeys(names)) for kind, names in named.items()}
    return Wanted(**unique, threshold=asked.threshold)


def report(
    comparison: Comparison, runs: Sequence[Run], goods: Sequence[str], plots: Path | None
) -> list[Path]:
    """Print the table, draw and list the pictures; returns the PNG files."""
    from sim.analysis.text import comparison_table

    say(comparison_table(comparison))
    if plots is None:
        return []
    from sim.plots.draw import draw_all

    say()
    drawn = draw_all(
        runs, comparison.baseline, goods, plots,
        lambda picture: say(f"{shown(picture.png)}\n  {picture.title}"),
    )  # fmt: skip
    say(f"{plural(len(drawn.pictures), 'picture')}, each as png, svg and csv")
    for sentence in drawn.not_drawn:
        say(sentence)
    return [picture.png for picture in drawn.pictures]


def _share(text: str) -> float:
    from sim.units import QuantityError, parse_quantity

    try:
        value = parse_quantity(text, "share").value
    except QuantityError as error:
        raise MonaziteError(f"--shortage-above: {error}") from None
    if not 0 <= value < 1:
        raise MonaziteError(f"--shortage-above: '{text}' is no share of requirement; write 0 % to 99 %")
    return value


def _parts(texts: Sequence[str] | None) -> list[str]:
    return [name.strip() for text in texts or [] for name in text.split(",") if name.strip()]


def _table_bytes(made: Sequence[Compared], form: str) -> bytes:
    """The file of ``--table``."""
    if form != "iamc":
        from sim.analysis.comparison_tables import WRITERS

        return WRITERS[form]([one.comparison for one in made])
    from sim.analysis.iamc import iamc_table

    runs = {run.id: run.dataset for one in made for run in one.runs}
    goods = list(dict.fromkeys(good for one in made for good in one.goods))
    text: str = iamc_table(list(runs.values()), goods).to_csv(index=False, float_format="%.8g")
    return text.encode()


def _write_table(made: Sequence[Compared], form: str, target: Path | None, inside: Path) -> bool:
    """Write or print the table of ``--table``; True where it was printed in place of everything else."""
    data = _table_bytes(made, form)
    if str(target) == "-":
        say(data.decode(), end="")
        return True
    ending = "-iamc.csv" if form == "iamc" else f".{form}"
    file = target or inside / f"comparison{ending}"
    write_bytes(file, data)
    return False


def _say_verdicts(verdicts: Sequence[Verdict]) -> int:
    """Say of each condition whether it holds; those that do come last. Returns the exit code."""
    for verdict in sorted(verdicts, key=lambda v: v.holds):
        head = "holds" if verdict.holds else "does not hold"
        say(f"{head}: {verdict.condition.text}", file=sys.stderr)
        for line in verdict.found:
            say(f"  {line}", file=sys.stderr)
    held = sum(verdict.holds for verdict in verdicts)
    if not held:
        return DONE
    many = plural(len(verdicts), "condition")
    hold = "holds" if held == 1 else "hold"
    say(f"failed: {held} of {many} of --fail-if {hold} (exit code {CONDITION_HOLDS})", file=sys.stderr)
    return CONDITION_HOLDS


def picture_folder(one: Compared, made: Sequence[Compared]) -> str:
    """The folder of one baseline's pictures: by the head of its column, by its id where heads are alike."""
    from sim.plots.style import file_name

    def named(other: Compared) -> str:
        comparison = other.comparison
        words = re.split(r"[^\w-]+", comparison.names.get(comparison.baseline, comparison.baseline))
        return file_name("-".join(word for word in words if word))

    mine = named(one)
    alike = [other for other in made if named(other).lower() == mine.lower()]
    return mine if mine and len(alike) == 1 else one.comparison.baseline


def main(args: argparse.Namespace) -> int:
    """Print the table, write files where asked, draw the pictures, judge the conditions."""
    from sim.analysis.conditions import judge

    if args.to is not None and args.table is None:
        raise MonaziteError("--to says where a table goes, and no --table is asked for; add --table csv")
    if str(args.to) == "-" and args.table not in PRINTABLE:
        raise MonaziteError(f"--to -: {args.table} is no text; name a file, or write {', '.join(PRINTABLE)}")
    goods, scenarios, importers, sectors, owners = (
        _parts(given) for given in (args.good, args.scenario, args.importer, args.sector, args.owner)
    )
    threshold = _share(args.shortage_above)
    asked = Asked(goods, scenarios, importers, sectors, owners, threshold, args.fail_if or [])
    made = compare_as_asked(args.path, args.vs, asked)
    verdicts = [verdict for one in made for verdict in judge(one.conditions, [one.comparison])]
    contents = [
        {**one.comparison.as_dict(), "runs": [run.id for run in one.runs]} for one in made
    ]  # fmt: skip
    judged = [{"condition": v.condition.text, "holds": v.holds, "found": list(v.found)} for v in verdicts]
    content = contents[0] if len(made) == 1 else {"comparisons": contents}
    write_json(args.json, content | ({"conditions": judged} if judged else {}))
    inside = _found(args.path)
    if args.table and _write_table(made, args.table, args.to, inside):
        return _say_verdicts(verdicts)
    plots = None if args.no_plots else args.plots or inside / "plots"
    for number, one in enumerate(made):
        if number:
            say()
        # Pictures of several baselines have the same names.
        folder = plots / picture_folder(one, made) if plots is not None and len(made) > 1 else plots
        report(one.comparison, one.runs, one.goods, folder)
    if args.table:
        ending = "-iamc.csv" if args.table == "iamc" else f".{args.table}"
        say(f"table: {shown(args.to or inside / f'comparison{ending}')}")
    return _say_verdicts(verdicts)
