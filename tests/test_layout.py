"""The house: each source file has its test file, each test file of a package its source, and files stay one story."""

from __future__ import annotations

from pathlib import Path

import guardproxy

ROOT = Path(__file__).parents[1]
PACKAGE = Path(guardproxy.__file__).parent
LONGEST = 300

# A source file tested elsewhere, and where.
ELSEWHERE = {"__main__.py": "test_main.py"}
# Test files of a package about more than one source file: packs of YAML, the dictionary of surfaces, all surfaces.
ABOUT_MORE = {
    "quota/test_acceptance.py",
    "quota/test_invariants.py",
    "policyfile/test_shipped_costs.py",
    "policyfile/test_shipped_policies.py",
    "policyfile/test_shipped_secrets.py",
    "surfaces/test_dialects.py",
    "surfaces/test_missed_places.py",
    "surfaces/test_joined.py",
    "surfaces/test_planted.py",
    "surfaces/test_surfaces.py",
    "surfaces/test_cut_calls.py",
    "surfaces/test_unknown_events.py",
}
# Test files at the top that are about the whole: this one, and the documentation.
ABOUT_ALL = {"test_layout.py", "test_docs.py"}


def sources() -> list[Path]:
    return [file.relative_to(PACKAGE) for file in sorted(PACKAGE.rglob("*.py")) if file.name != "__init__.py"]


def test_of(source: Path) -> Path:
    return Path(ELSEWHERE.get(str(source), source.with_name(f"test_{source.name}")))


test_of.__test__ = False  # type: ignore[attr-defined]


def test_each_source_file_has_its_test_file() -> None:
    missing = [str(source) for source in sources() if not (ROOT / "tests" / test_of(source)).is_file()]
    assert missing == []


def test_each_test_file_of_a_package_has_its_source_file() -> None:
    known = {str(test_of(source)) for source in sources()} | ABOUT_MORE | ABOUT_ALL
    packages = {source.parts[0] for source in sources() if len(source.parts) > 1}
    found = [file.relative_to(ROOT / "tests") for file in (ROOT / "tests").rglob("test_*.py")]
    orphans = [str(file) for file in found if (len(file.parts) == 1 or file.parts[0] in packages)]
    assert [file for file in sorted(orphans) if file not in known] == []


def test_the_exceptions_are_all_needed() -> None:
    tests = ROOT / "tests"
    assert all((tests / name).is_file() for name in ABOUT_MORE | ABOUT_ALL)
    assert all((PACKAGE / name).is_file() for name in ELSEWHERE)


def test_every_package_of_tests_is_a_package() -> None:
    folders = {file.parent for file in (ROOT / "tests").rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_a_source_file_tells_one_story() -> None:
    long = {str(file): len((PACKAGE / file).read_text(encoding="utf-8").splitlines()) for file in sources()}
    assert {name: lines for name, lines in long.items() if lines > LONGEST} == {}


def test_every_source_file_says_what_it_is_for() -> None:
    silent = [str(file) for file in sources() if not (PACKAGE / file).read_text(encoding="utf-8").startswith('"""')]
    assert silent == []
