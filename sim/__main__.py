"""``python -m sim``: the plain Hydra application, for those who know Hydra and its launchers."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from sim.errors import MonaziteError, not_installed

try:
    import hydra
    from omegaconf import DictConfig, OmegaConf
except ModuleNotFoundError as error:
    raise SystemExit(not_installed(error)) from None
from sim.paths import configuration_directory, shown

__all__ = ["main", "written"]

OF_SCENARIO = ("events", "assumptions", "time")


def _overrides(values: Mapping[str, object], path: str = "") -> list[str]:
    """Nested values as ``path=value``; text is quoted, so commas and blanks stay part of it.

    Hydra wants a plus sign before every key that its own configuration lacks, so the sign does not
    tell a new event from a misspelt one: a new event is one that says its type.
    """
    found = []
    for key, value in values.items():
        where = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping):
            sign = "+" if path == "events" and "type" in value else ""
            found += [sign + override for override in _overrides(value, where)]
        else:
            found.append(f"{where}={written(value)}")
    return found


def written(value: object) -> str:
    """A value in Hydra's grammar."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{','.join(written(item) for item in value)}]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return str(value).lower() if isinstance(value, bool) else str(value)


@hydra.main(version_base="1.3", config_path=str(configuration_directory()), config_name="config")
def application(configuration: DictConfig) -> None:
    """Run the scenarios that the configuration names."""
    from pathlib import Path

    from sim.commands.run import Settings, run_scenarios

    settings = OmegaConf.to_container(configuration, resolve=False)
    assert isinstance(settings, dict)
    named = settings["scenario"]
    try:
        campaign = run_scenarios(
            [str(name) for name in named] if isinstance(named, list) else [str(named)],
            [
                *_overrides({key: settings[key] for key in OF_SCENARIO}),
                *([f"engine={settings['engine']}"] if settings["engine"] else []),
            ],
            Settings(
                members=int(settings["members"]),
                seed=int(settings["seed"]),
                out=Path(settings["out"]) if settings["out"] else None,
                full=bool(settings["full"]),
                quiet=bool(settings["quiet"]),
            ),
        )
    except MonaziteError as error:
        # Hydra would print an exception of the job as a traceback.
        print(str(error), file=sys.stderr)
        sys.exit(error.exit_code)
    print(shown(campaign))


def main() -> None:
    """Run the application; ends with exit code 2 for bad input."""
    application()


if __name__ == "__main__":
    main()
