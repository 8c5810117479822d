"""Whatever the API's descriptions allow, and what they do not, is answered without a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest import staff
from digest.model import Issue
from digest.staff import Role, Scope
from digest.store import Database
from tests import friday
from tests.website import NOW, Site, a_draft, a_reader, served, unsubscribe_token

ROLES = ("", *Role)
#: The application describes itself there, and what the paths in a description begin with.
DESCRIPTIONS = {"/api/v1/openapi.json": "/api/v1", "/api/v1/desk/openapi.json": "/api/v1/desk"}
_METHODS = ("get", "post", "put", "patch", "delete")

#: What programs send by mistake or for harm.
AWKWARD = (
    "",
    "\x00",
    "../../etc/passwd",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "💥" * 50,
    "a" * 5000,
    -1,
    0,
    2**63 - 1,
    2**63,
    10**30,
    1.5,
    True,
    None,
    [],
    {},
    [None],
    {"a": {"b": []}},
)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with served(database, tmp_path) as site:
        friday.publish(database, *friday.TITLES)
        yield site


@pytest.fixture
def draft(site: Site) -> Issue:
    return a_draft(site.database)


@pytest.fixture
def operations(site: Site) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Every operation: method, path, what describes it, and the schemas that it refers to."""
    found = []
    for address, prefix in DESCRIPTIONS.items():
        document = site.browser().get(address).json()
        schemas = document.get("components", {}).get("schemas", {})
        for path, methods in document["paths"].items():
            whole = path if path.startswith(prefix) else f"{prefix}{path}"
            found += [
                (method, whole, operation, schemas)
                for method, operation in methods.items()
                if method in _METHODS
            ]
    return found


def program(site: Site, role: str) -> httpx.Client:
    """A program with all that somebody of that role may let it do; one without a token for ""."""
    if not role:
        return site.browser()
    account = staff.add(site.database, f"{role}@example.org", Role(role), now=NOW)
    scopes = tuple(scope for scope in Scope if Role(role).includes(scope.role))
    secret = staff.make_token(
        site.database, site.loaded, account, name="a script", scopes=scopes, lasts=None, now=NOW
    )
    return site.browser(headers={"authorization": f"Bearer {secret}"})


# --- values -------------------------------------------------------------------------------


def values(schema: dict[str, Any], schemas: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return what fits the schema, and now and then what does not."""
    return st.one_of(_fitting(schema, schemas), _fitting(schema, schemas), st.sampled_from(AWKWARD))


def _fitting(schema: dict[str, Any], schemas: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _fitting(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema or "allOf" in schema:
        return st.one_of(*(_fitting(e, schemas) for e in schema.get("anyOf") or schema["allOf"]))
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    return _OF_TYPE.get(schema.get("type", ""), _anything)(schema, schemas)


def _text(schema: dict[str, Any], _: dict[str, Any]) -> st.SearchStrategy[Any]:
    usual = st.sampled_from(["recap", "ana@example.org", "2023-09-22", "2023-09-22T10:00:00Z"])
    most = min(schema.get("maxLength", 60), 60)
    return usual | st.text(min_size=schema.get("minLength", 0), max_size=most)


def _number(schema: dict[str, Any], _: dict[str, Any]) -> st.SearchStrategy[Any]:
    least = int(schema.get("minimum", schema.get("exclusiveMinimum", -2)))
    most = int(schema.get("maximum", schema.get("exclusiveMaximum", 2**40)))
    return st.integers(least, min(least + 5, most)) | st.integers(least, most)


def _list(schema: dict[str, Any], schemas: dict[str, Any]) -> st.SearchStrategy[Any]:
    return st.lists(values(schema.get("items", {}), schemas), max_size=3)


def _object(schema: dict[str, Any], schemas: dict[str, Any]) -> st.SearchStrategy[Any]:
    fields = {key: values(each, schemas) for key, each in schema.get("properties", {}).items()}
    needed = {key: fields.pop(key) for key in schema.get("required", ()) if key in fields}
    return st.fixed_dictionaries(needed, optional=fields)


def _anything(_schema: dict[str, Any], _schemas: dict[str, Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(AWKWARD)


_OF_TYPE: dict[str, Callable[[dict[str, Any], dict[str, Any]], st.SearchStrategy[Any]]] = {
    "string": _text,
    "integer": _number,
    "number": _number,
    "boolean": lambda *_: st.booleans(),
    "null": lambda *_: st.none(),
    "array": _list,
    "object": _object,
}


# --- asking -------------------------------------------------------------------------------


def ask(
    client: httpx.Client,
    operation: tuple[str, str, dict[str, Any], dict[str, Any]],
    data: st.DataObject,
    known: dict[str, Any],
) -> httpx.Response:
    """Fill the operation in and send it; *known* are parameters that lead somewhere."""
    method, path, described, schemas = operation
    query: dict[str, Any] = {}
    for each in described.get("parameters", ()):
        fitting = values(each["schema"], schemas)
        name = each["name"]
        value = data.draw(st.just(known[name]) | fitting if name in known else fitting, label=name)
        if each["in"] == "path":
            # With a line break in it no path leads into a mounted application (Starlette).
            path = path.replace(f"{{{name}}}", quote("".join(str(value).split()), safe="") or "-")
        elif each["in"] == "query" and value is not None:
            query[name] = value if isinstance(value, list) else str(value)
    body = described.get("requestBody", {}).get("content", {}).get("application/json")
    told = {"json": data.draw(values(body["schema"], schemas), label="body")} if body else {}
    return client.request(method, path, params=query, **told)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", ROLES, ids=[role or "nobody" for role in ROLES])
def test_no_request_makes_the_api_fail(
    site: Site, draft: Issue, operations: list[Any], role: str
) -> None:
    """Of every role and of nobody: no server error, and every refusal says why as JSON."""
    client = program(site, role)
    reader = a_reader(site.database)
    known = {
        "newsletter": "recap",
        "issue_id": draft.id,
        "issue": "2023-09-22",
        "number": 1,
        "token": unsubscribe_token(reader),
    }

    @settings(
        max_examples=6 * len(operations),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def asked(data: st.DataObject) -> None:
        operation = data.draw(st.sampled_from(operations), label="operation")
        answer = ask(client, operation, data, known)
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert answer.headers["content-type"].startswith("application/problem+json")
            assert answer.json()["title"]

    asked()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_operation_is_described(operations: list[Any]) -> None:
    """Both descriptions are there, and each operation says what it does and how it refuses."""
    assert len(operations) > 20
    for method, path, described, _ in operations:
        assert described.get("summary"), f"{method} {path}"
        refusal = described["responses"]["4XX"]["content"]
        assert list(refusal) == ["application/problem+json"], f"{method} {path}"
