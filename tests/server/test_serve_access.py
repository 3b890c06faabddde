"""Keys, hosts and origins: who may ask, and what a browser may do with an answer."""

from __future__ import annotations

import httpx
import pytest
from serving import serving
from typer.testing import CliRunner

from cli.main import app
from engine.errors import EngineError
from engine.server import Settings, read_keys, service

KEYS = ("a" * 24, "b" * 24)
SEARCH = {"q": "drill", "reason": "never"}


@pytest.fixture(scope="module")
def guarded(engine, url):
    origins = ("https://shop.example",)
    with serving(engine, keys=KEYS, cors_origins=origins) as url:
        yield url


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEYS[0]}"},
        {"authorization": f"bearer {KEYS[1]}"},
        {"X-API-Key": KEYS[1]},
    ],
)
def test_any_of_the_keys_opens_the_api(guarded, headers):
    assert httpx.post(f"{guarded}/v1/search", json=SEARCH, headers=headers).status_code == 200
    assert httpx.get(f"{guarded}/metrics", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": KEYS[0][:-1]},
        {"X-API-Key": f"{KEYS[0]},{KEYS[1]}"},
        {"Authorization": f"Basic {KEYS[0]}"},
        {"Authorization": f"Bearer {KEYS[0]}x"},
        {"Authorization": "Bearer \xff\xfe".encode("latin-1")},
    ],
)
def test_nothing_else_does(guarded, headers):
    for method, path in (("GET", "/v1/search?q=a"), ("GET", "/metrics"), ("POST", "/v1/nowhere")):
        answer = httpx.request(method, guarded + path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "X-API-Key" in answer.json()["remedy"]


def test_signs_of_life_and_the_page_need_no_key(guarded):
    for path in ("/healthz", "/readyz", "/openapi.json", "/"):
        assert httpx.get(guarded + path).status_code == 200


def test_without_keys_only_this_machine_is_answered_for(url):
    for host in ("localhost:1", "127.0.0.1", "[::1]:80"):
        assert httpx.get(f"{url}/healthz", headers={"Host": host}).status_code == 200
    for host in ("evil.example", "localhost.evil.example", "[", ""):
        answer = httpx.get(f"{url}/healthz", headers={"Host": host})
        assert answer.status_code in (400, 421)


def test_origins_are_allowed_by_name_alone(guarded, url):
    def allowed(base, origin):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        answer = httpx.options(f"{base}/v1/search", headers=headers)
        return answer.headers.get("access-control-allow-origin")

    assert allowed(guarded, "https://shop.example") == "https://shop.example"
    assert allowed(guarded, "https://evil.example") is None
    assert allowed(url, "https://shop.example") is None


def test_a_browser_is_told_to_be_strict(guarded, url):
    for path in ("/", "/v1/collections", "/nowhere"):
        headers = httpx.get(url + path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
    assert httpx.get(f"{url}/v1/collections").headers["cache-control"] == "no-store"
    refused = httpx.get(f"{guarded}/v1/collections")
    assert "content-security-policy" in refused.headers


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", ""])
def test_other_machines_are_let_in_with_keys_only(engine, host):
    with pytest.raises(EngineError) as error, service(engine, Settings(), host, 0):
        pass
    assert "LREM_API_KEYS" in error.value.remedy


def test_a_weak_key_is_refused(monkeypatch):
    assert read_keys("") == ()
    assert read_keys(f"{KEYS[0]}, {KEYS[1]}") == KEYS
    monkeypatch.setenv("LREM_API_KEYS", "secret")
    done = CliRunner().invoke(app, ["serve", "--uri", "nowhere.db"])
    assert done.exit_code == 1
    assert "openssl rand" in done.stderr


def test_a_port_in_use_is_named(engine, url):
    port = int(url.rsplit(":", 1)[1])
    with (
        pytest.raises(EngineError, match=f"Cannot listen at 127.0.0.1:{port}"),
        service(engine, Settings(), "127.0.0.1", port),
    ):
        pass
