"""The wheel: complete, usable without the source tree and from any folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    "data/world", "data/maps", "data/panel", "data/raw/assumptions", "data/raw/targets",
    "scenarios", "conf", "schema",
)  # fmt: skip
TABLES = (
    "usgs_prices_2017_2024", "base_us_import_sources_2021_24", "countries", "sector_value_added_est2022",
    "wgi_political_stability",
)  # fmt: skip
FILES = ("DATA_LICENSES.md", *(f"data/raw/{name}.csv" for name in TABLES))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built by hatchling in a copy of what the build reads; needs no network."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("sim", *FOLDERS):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", *FILES):
        shutil.copy(ROOT / name, copy / name)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=copy, check=True, capture_output=True
    )
    (built,) = (copy / "dist").glob("*.whl")
    return built


def files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_wheel_holds_the_package_and_what_it_reads(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    wanted = {f"sim/{name}" for name in files(ROOT / "sim")}
    for shared in FOLDERS:
        found = files(ROOT / shared)
        assert found, f"{shared} is empty"
        wanted |= {f"sim/share/{shared}/{name}" for name in found}
    wanted |= {f"sim/share/{name}" for name in FILES}
    assert wanted <= names
    rest = {name for name in names - wanted if ".dist-info/" not in name}
    assert rest == set()


def test_installed_wheel_works_without_the_source_tree(wheel, tmp_path):
    target = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    program = (
        "import sys, sim; assert sim.__file__.startswith(sys.argv.pop(1)), sim.__file__\n"
        "from sim.cli import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, str(target), "list"],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "baseline-2024" in done.stdout
    assert list(elsewhere.iterdir()) == []


def test_console_script_works_from_another_folder(tmp_path):
    script = Path(sys.executable).parent / "monazite"
    if not script.exists():
        pytest.skip("the distribution is not installed beside this interpreter")
    done = subprocess.run([script, "list"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "baseline-2024" in done.stdout
    assert list(tmp_path.iterdir()) == []
