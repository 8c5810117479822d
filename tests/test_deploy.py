"""What stands in deploy/: each file is tried with the program that reads it."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import ssl
import subprocess
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from digest.cli import app
from digest.config.environment import SECRETS, VARIABLES
from digest.store import Database, upgrade
from digest.web import metrics
from tests import cluster, website
from tests.audience import addresses, an_issue, frozen, readers
from tests.mailserver import AUTHORITY, TLS

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service")) + sorted(DEPLOY.glob("*.timer"))


def tool(needs, name: str) -> str:
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin")
    return path or needs("deploy", f"{name} is not installed")


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every `digest …` that units, images and compositions start, with the file it is in."""
    for file in UNITS:
        for line in re.findall(r"^Exec\w+=.*?/bin/digest (.*)$", file.read_text(), re.M):
            yield file.name, shlex.split(line.partition('"')[0])
    (told,) = re.findall(r'^CMD \["digest", (.*)\]$', (DEPLOY / "Dockerfile").read_text(), re.M)
    yield "Dockerfile", yaml.safe_load(f"[{told}]")
    for service in yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].values():
        if "command" in service:
            yield "compose.yaml", service["command"][1:]


@pytest.mark.parametrize(("file", "words"), list(commands()))
def test_what_is_started_can_be_typed(file, words):
    """A unit or container calls commands and options that this program has."""
    names = [word for word in words if not word.startswith("-")]
    options = [word for word in words if word.startswith("--")]
    told = CliRunner().invoke(app, [*[n for n in names if n.isalpha()], "--help"])
    assert told.exit_code == 0, file
    assert all(option in told.output for option in options), file


def test_units_are_what_systemd_takes(needs, tmp_path):
    """systemd-analyze finds no fault, and calls the service well locked in."""
    analyze = tool(needs, "systemd-analyze")
    copies = []
    for unit in UNITS:
        copies.append(tmp_path / unit.name)
        copies[-1].write_text(unit.read_text().replace("/srv/recap/.venv/bin/digest", "/bin/true"))
    said = subprocess.run([analyze, "verify", *copies], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert not [line for line in said.stderr.splitlines() if "recap" in line]
    service = tmp_path / "weekly-recap.service"
    subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", service],
        check=True,
        capture_output=True,
    )


def test_alarms_are_about_metrics_that_exist(database, needs):
    """Each name in a rule is a metric that /metrics tells, and Prometheus can read the rules."""
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"][0]["rules"]
    asked = {name for rule in rules for name in re.findall(r"recap_\w+", rule["expr"])}
    told = {each.name for each in metrics.registry(database, lambda: website.NOW).collect()}
    assert asked <= told
    assert all(rule["annotations"]["remedy"] for rule in rules)
    promtool = tool(needs, "promtool")
    subprocess.run(
        [promtool, "check", "rules", DEPLOY / "alerts.yaml"], check=True, capture_output=True
    )


def test_the_composition_says_where_database_and_relay_are():
    """Its variables are such as the program reads, and each service finds what it waits for."""
    told = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = told["services"]
    for name in ("upgrade", "recap"):
        said = set(services[name]["environment"])
        assert said == {"DATABASE_URL", "SMTP_HOST", "SMTP_PORT", "SMTP_TLS"}
        assert said <= set(VARIABLES)
        assert set(services[name]["depends_on"]) <= set(services)


def test_the_builder_gets_what_a_wheel_is_made_of():
    """All that pyproject.toml names is let through, and neither secrets nor databases are."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    through = {line[1:] for line in lines if line.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert lines[1] == "*"
    assert {*wheel["packages"], *wheel["force-include"], project["project"]["readme"]} <= through
    assert not through & {".env", "var", "recap", ".venv"}


def test_the_environment_sample_names_what_is_read():
    """The sample has every secret that the program reads, and nothing else; none has a value."""
    lines = (DEPLOY / "env.sample").read_text().splitlines()
    named = [line.lstrip("#").partition("=") for line in lines if re.match(r"#?[A-Z_]+=", line)]
    assert {name for name, _, _ in named} == {*SECRETS, "DATABASE_URL"}
    assert [name for name, _, value in named if value] == ["DATABASE_URL"]


# --- nginx in front -----------------------------------------------------------------------


@pytest.fixture
def proxied(database, tmp_path, needs) -> Iterator[tuple[website.Site, str, str]]:
    """The application behind a real nginx with our file: the site, its http and https ports."""
    program = tool(needs, "nginx")
    plain, secure = _free_port(), _free_port()
    with website.served(database, tmp_path) as site:
        ours = (DEPLOY / "nginx.conf").read_text()
        for old, new in (
            ("127.0.0.1:8000", site.address.removeprefix("http://")),
            ("listen 80;", f"listen 127.0.0.1:{plain};"),
            ("listen 443 ssl http2;", f"listen 127.0.0.1:{secure} ssl http2;"),
            ("/etc/letsencrypt/live/recap.example.org/fullchain.pem", str(TLS / "server.pem")),
            ("/etc/letsencrypt/live/recap.example.org/privkey.pem", str(TLS / "server.pem")),
            ("/etc/nginx/proxy_params", str(tmp_path / "proxy_params")),
        ):
            assert old in ours
            ours = ours.replace(old, new)
        ours = re.sub(r"    listen \[::\].*\n", "", ours)
        # As Debian's package has it.
        (tmp_path / "proxy_params").write_text(
            "proxy_set_header Host $http_host;\nproxy_set_header X-Real-IP $remote_addr;\n"
            "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
            "proxy_set_header X-Forwarded-Proto $scheme;\n"
        )
        kept = "".join(
            f"{what}_temp_path {tmp_path}/{what};\n"
            for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (tmp_path / "nginx.conf").write_text(
            f"pid {tmp_path}/pid;\nerror_log {tmp_path}/errors;\ndaemon off;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{kept}{ours}}}\n"
        )
        running = subprocess.Popen([program, "-c", tmp_path / "nginx.conf", "-p", tmp_path])
        try:
            _wait_for(secure, tmp_path / "errors")
            yield site, f"http://127.0.0.1:{plain}", f"https://localhost:{secure}"
        finally:
            running.terminate()
            running.wait(10)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(port: int, errors: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as dialled:
            if dialled.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(errors.read_text())


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_one_click_comes_through_the_proxy_without_a_redirect(proxied):
    """RFC 8058, 3.1: no redirect, over https nor over http; everything else is led to https."""
    site, plain, secure = proxied
    token = website.unsubscribe_token(website.a_reader(site.database))
    body = {"List-Unsubscribe": "One-Click"}
    with httpx.Client(verify=ssl.create_default_context(cafile=AUTHORITY)) as mailbox:
        for base in (plain, secure):
            answer = mailbox.post(f"{base}/unsubscribe/{token}", data=body)
            assert (answer.status_code, answer.history) == (200, [])
        led = mailbox.get(f"{plain}/healthz")
        assert led.status_code == 301
        assert led.headers["location"] == "https://recap.example.org/healthz"
        assert mailbox.get(f"{secure}/healthz").status_code == 200
        assert mailbox.get(f"{secure}/metrics").status_code == 404


# --- the database's two roles -------------------------------------------------------------


@pytest.fixture
def roles(needs) -> Iterator[tuple[str, str]]:
    """A database with the roles of `roles.sql`: the URLs of its owner and of the program."""
    mark = uuid4().hex
    owner, program, name = f"owner_{mark}", f"program_{mark}", f"roles_{mark}"
    try:
        cluster.administer(f"CREATE DATABASE {name}")
    except cluster.NoCluster as e:
        needs("postgres", str(e))
    told = ("--set", f"owner={owner}", "--set", f"program={program}", "--set", "ON_ERROR_STOP=1")
    place = ("--host", str(cluster.socket()), "--username", "postgres", "--dbname", name)
    psql = cluster.programs() / "psql"
    subprocess.run(
        [psql, *place, *told, "-f", DEPLOY / "roles.sql"], check=True, capture_output=True
    )
    yield tuple(cluster.url(name).replace("postgres@", f"{role}@") for role in (owner, program))
    cluster.administer(f"DROP DATABASE {name} WITH (FORCE)")
    for role in (owner, program):
        cluster.administer(f"DROP ROLE {role}")


def test_the_program_needs_no_right_to_change_tables(roles):
    """Its role can do all that an issue takes, and can neither make nor drop a table."""
    owner, program = map(Database, roles)
    upgrade.upgrade(owner)
    owner.close()
    upgrade.check(program)
    issue = an_issue(program)
    readers(program, addresses(3))
    assert frozen(program, issue)[0] == 3
    for forbidden in ("DROP TABLE subscribers", "CREATE TABLE mine (x int)"):
        with pytest.raises(Exception, match=r"permission denied|must be owner"):
            with program.write() as conn:
                conn.exec_driver_sql(forbidden)
    program.close()
