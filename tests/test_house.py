"""House rules that hold for the repository and the wheel as a whole."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
#: Loaded late, by the command that needs them.
HEAVY = (
    *("pandas", "numpy", "scipy", "sklearn", "sqlalchemy", "alembic", "pydantic", "httpx"),
    *("feedparser", "lxml", "mjml", "premailer", "jinja2", "fastapi", "starlette", "uvicorn"),
    *("apscheduler", "aiosmtplib", "aiosmtpd", "argon2", "icalendar", "rich", "asyncio"),
)
#: The rooms of the core, as the contract in pyproject.toml names them.
CORE = next(
    contract["source_modules"]
    for contract in PROJECT["tool"]["importlinter"]["contracts"]
    if contract["type"] == "forbidden"
)


@pytest.fixture(scope="session")
def tracked() -> list[str]:
    """The paths that git tracks, from the top of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a checkout of git")
    return [path for path in listed.stdout.split("\0") if path and (ROOT / path).exists()]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout without asking the network."""
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)])
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel unpacked, as an installer does; the checkout is not on its path."""
    folder = tmp_path_factory.mktemp("installed")
    target = ("--target", str(folder), "--no-deps", "--no-index", "--no-compile", "--quiet")
    run([sys.executable, "-m", "pip", "install", *target, str(wheel)])
    return folder


def run(command: list[str], **options: object) -> str:
    done = subprocess.run(
        command,
        cwd=options.pop("cwd", ROOT),
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def digest(installed: Path, *words: str, cwd: Path) -> str:
    """Run the installed program, away from the checkout."""
    environ = {**os.environ, "PYTHONPATH": str(installed)}
    return run([sys.executable, "-m", "digest", *words], cwd=cwd, env=environ)


# --- the wheel ----------------------------------------------------------------------------


def shipped_as(path: str) -> str | None:
    """Return the name in the wheel of what git tracks as *path*; None if it is not shipped."""
    renamed = {
        "config.yaml": "digest/sample/config.yaml",
        "subscribers/sample.csv": "digest/sample/subscribers.csv",
    }
    if path.startswith("templates/"):
        return f"digest/{path}"
    return renamed.get(path, path if path.startswith("digest/") else None)


def test_wheel_is_what_git_tracks(wheel, tracked):
    """The wheel holds every tracked file of the program, and no stray list or draft."""
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert inside == {name for path in tracked if (name := shipped_as(path))}


def test_wheel_works_without_the_repository(installed, tmp_path):
    """The installed program finds its templates and its sample, and answers."""
    assert "Your feeds in" in digest(installed, "--help", cwd=tmp_path)
    found = run(
        [
            sys.executable,
            "-c",
            "import digest.packaged as p; print(p.__file__, *p.templates(None), p.sample(), "
            "p.sample_config(), p.sample_subscribers(), sep='\\n')",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
    ).splitlines()
    assert all(Path(path).exists() and Path(path).is_relative_to(installed) for path in found)


def test_installed_program_makes_its_database(installed, tmp_path):
    """The steps of the schema are in the wheel."""
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    assert "schema" in digest(installed, "db", "upgrade", cwd=tmp_path)
    assert "schema" in digest(installed, "db", "check", cwd=tmp_path)


# --- late to load ----------------------------------------------------------------------


def test_heavy_libraries_load_late():
    """Importing the command line loads nothing that only single commands need."""
    program = "import sys; import digest.cli; print(*sys.modules, sep='\\n')"
    loaded = {line.split(".")[0] for line in run([sys.executable, "-c", program]).splitlines()}
    assert loaded & set(HEAVY) == set()


# --- what is in the repository ------------------------------------------------------------

#: What belongs to one machine or one network, and so to no commit.
PRIVATE = re.compile(
    rb"/(?:home|Users)/[a-z]|/root/|(?<![\w.:/-])/work/"
    rb"|\bindex-url\s*[= ]\s*http|--extra-index-url\s+http|\bfiles\.pythonhosted\b"
    rb"|\b(?:pypi|npmjs)\.(?:org|io)\b"
)
#: Private networks (RFC 1918), where an address is more than an example in the guard's tests.
PRIVATE_ADDRESS = re.compile(rb"\b(?:10\.\d+|172\.(?:1[6-9]|2\d|3[01])|192\.168)\.\d+\.\d+\b")
ABOUT_ADDRESSES = ("tests/", "digest/http/", "docs/")
MAIL_ADDRESS = re.compile(rb"[\w.+-]+@((?:[\w-]+\.)+[a-z]{2,})\b")
ALLOWED_DOMAIN = re.compile(
    rb"(?:.*\.)?(?:example\.(?:org|com|net)|[\w-]+\.(?:test|example|invalid))"
)


def test_nothing_of_one_machine_is_committed(tracked):
    """No path of somebody's machine, no package index, no private network."""
    found = [
        f"{path}: {hit.group().decode()}"
        for path in tracked
        if path != "tests/test_house.py"
        for pattern in (PRIVATE, PRIVATE_ADDRESS)
        if pattern is PRIVATE or not path.startswith(ABOUT_ADDRESSES)
        for hit in pattern.finditer((ROOT / path).read_bytes())
    ]
    assert found == []


def test_only_example_addresses_are_committed(tracked):
    """Every mail address in program, templates, lists and documents is an example's."""
    found = [
        f"{path}: {hit.group().decode()}"
        for path in tracked
        if not path.startswith("tests/") and path != "requirements.lock"
        for hit in MAIL_ADDRESS.finditer((ROOT / path).read_bytes())
        if not ALLOWED_DOMAIN.fullmatch(hit.group(1))
    ]
    assert found == []


def test_no_list_of_readers_is_committed(tracked):
    """The sample is the only list of readers; git ignores all others."""
    lists = [path for path in tracked if path.startswith("subscribers/") and path.endswith(".csv")]
    assert lists == ["subscribers/sample.csv"]
    for path in ("subscribers/mine.csv", ".env"):
        run(["git", "check-ignore", "--quiet", path])


# --- dependencies -------------------------------------------------------------------------


def requirements() -> Iterator[Requirement]:
    """Every direct dependency, of the program, its extras and those who work on it."""
    project = PROJECT["project"]
    written = [*project["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    for extra in project["optional-dependencies"].values():
        written += extra
    yield from map(Requirement, written)


def locked() -> dict[str, str]:
    """Every package of the lock, with its version."""
    pins = re.finditer(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text(), re.M)
    return {canonicalize_name(pin.group(1)): pin.group(2) for pin in pins}


def test_lock_is_up_to_date():
    """Each dependency is locked at a version that pyproject.toml allows; else: make lock."""
    versions = locked()
    wrong = [
        f"{requirement}: locked {versions.get(canonicalize_name(requirement.name))}"
        for requirement in requirements()
        if not requirement.specifier.contains(
            versions.get(canonicalize_name(requirement.name), "0.0.0.dev0")
        )
    ]
    assert wrong == []


def test_every_locked_version_has_hashes():
    """pip refuses a package whose hash is missing; so the lock has one for each."""
    blocks = re.split(r"^(?=[\w.-]+==)", (ROOT / "requirements.lock").read_text(), flags=re.M)
    assert [block.split("\n")[0] for block in blocks[1:] if "--hash=sha256:" not in block] == []


def test_every_dependency_says_why():
    """Each dependency has its line in docs/decisions/dependencies.md, and no line is left over."""
    page = (ROOT / "docs/decisions/dependencies.md").read_text()
    said = set(re.findall(r"^\| ([a-z][a-z0-9-]*) \|", page, re.M)) - {"package"}
    assert said == {canonicalize_name(requirement.name) for requirement in requirements()}


def test_every_locked_package_was_audited():
    """Each has one line in docs/decisions/audit.md, and no line is left over."""
    page = (ROOT / "docs/decisions/audit.md").read_text()
    said = re.findall(r"^\| ([a-z][a-z0-9-]*) \|", page, re.M)
    assert sorted(name for name in said if name != "package") == sorted(locked())


#: Packages that no line of ours imports, and what does.
USED_OTHERWISE = {
    "python-multipart": "Starlette, for forms",
    "tzdata": "zoneinfo, where the system has no zones",
    "psycopg": "SQLAlchemy, by the database's URL",
}
#: Parts of a declared package that are packages of their own.
COMES_WITH = {"starlette": "fastapi", "pydantic-core": "pydantic", "markupsafe": "jinja2"}


def test_every_dependency_is_used():
    """What the program imports is declared, and what is declared is imported."""
    known = packages_distributions()
    imported = {
        canonicalize_name(package)
        for file in (ROOT / "digest").rglob("*.py")
        for name in imports(ast.parse(file.read_text()))
        for package in known.get(name, [])
    } - {"weekly-recap"}
    used = {COMES_WITH.get(name, name) for name in imported | set(USED_OTHERWISE)}
    development = {Requirement(line).name for line in PROJECT["dependency-groups"]["dev"]}
    assert used == {canonicalize_name(one.name) for one in requirements()} - development


def imports(module: ast.Module) -> Iterator[str]:
    """Return the top-level name of everything that *module* imports."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


# --- the code -----------------------------------------------------------------------------


def test_imports_go_downwards_only():
    """The contracts in pyproject.toml hold: bands downwards, no I/O in the core."""
    run([str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"])


def modules(name: str) -> list[Path]:
    """Return the files of the module or package *name*."""
    path = ROOT / name.replace(".", "/")
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def test_core_says_what_it_does():
    """Every public function and class of the core has a docstring, and so has every module."""
    silent = [
        f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"
        for name in CORE
        for file in modules(name)
        for node in public(ast.parse(file.read_text()))
        if not ast.get_docstring(node)
    ]
    assert silent == []


def public(
    module: ast.Module,
) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    yield module
    for node in module.body:
        if isinstance(
            node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and not node.name.startswith("_"):
            yield node


def test_every_test_states_its_promise(tracked):
    """Each test begins with a sentence that says what is promised."""
    silent = [
        f"{path}:{node.lineno} {node.name}"
        for path in tracked
        if re.fullmatch(r"tests/test_\w+\.py", path)
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_warnings_are_errors(pytestconfig):
    """A warning fails the test that caused it."""
    assert "error" in pytestconfig.getini("filterwarnings")
    with pytest.raises(DeprecationWarning):
        import warnings

        warnings.warn("old", DeprecationWarning, stacklevel=1)
