"""Signed URLs of the local store: one file, one direction, a while, and a secret that is made once."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from imports_pipeline.filestore.local import LocalStore
from imports_pipeline.filestore.opening import open_store
from imports_pipeline.filestore.signed_urls import ExpiredToken, Grant, InvalidToken, WrongMethod
from imports_pipeline.settings import Settings

ADDRESS = "http://127.0.0.1:8000/v1/files/"


class Clock:
    """A clock that stands until it is set."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signing(tmp_path: Path, clock: Clock) -> LocalStore:
    return LocalStore(tmp_path / "files", clock=clock)


def token(url: str) -> str:
    assert url.startswith(ADDRESS)
    return url.removeprefix(ADDRESS)


def test_a_download(signing: LocalStore) -> None:
    url = signing.signed_download("imports/ü/errors.csv", 60, file_name="März.csv")
    grant = signing.verify(token(url), "GET")
    assert grant == Grant("imports/ü/errors.csv", None, 1_000_060.0, "März.csv")
    assert token(url).isascii()
    assert "/" not in token(url)


def test_an_upload(signing: LocalStore) -> None:
    grant = signing.verify(token(signing.signed_upload("in/a", 60, limit=100)), "PUT")
    assert grant == Grant("in/a", 100, 1_000_060.0)
    grant = signing.verify(token(signing.signed_upload("in/a", 60, limit=100, size=7)), "PUT")
    assert (grant.limit, grant.size) == (100, 7)
    for limit, size in ((100, 101), (100, -1), (-1, None)):
        with pytest.raises(ValueError, match="takes 0 to"):
            signing.signed_upload("in/a", 60, limit=limit, size=size)


def test_a_token_expires(signing: LocalStore, clock: Clock) -> None:
    given = token(signing.signed_download("a", 60))
    clock.now += 59.9
    assert signing.verify(given, "GET").key == "a"
    clock.now += 0.1
    with pytest.raises(ExpiredToken, match="expired; request a new one"):
        signing.verify(given, "GET")
    with pytest.raises(ValueError, match="valid for"):
        signing.signed_download("a", 0)


def test_a_token_is_for_one_direction(signing: LocalStore) -> None:
    download, upload = signing.signed_download("a", 60), signing.signed_upload("a", 60, limit=1)
    for url, method in ((download, "PUT"), (download, "DELETE"), (upload, "GET"), (upload, "get")):
        with pytest.raises(WrongMethod, match=r"is for (GET|PUT), not for"):
            signing.verify(token(url), method)


def test_a_changed_token_allows_nothing(signing: LocalStore, tmp_path: Path) -> None:
    given = token(signing.signed_upload("a", 60, limit=1))
    values, _, signature = given.rpartition(".")
    other, _, other_signature = token(signing.signed_upload("b", 60, limit=1)).rpartition(".")
    stranger = token(LocalStore(tmp_path / "other" / "files").signed_upload("a", 60, limit=1))
    changed = [
        "", ".", "x", "ü", values, f"{values}.", f"{other}.{signature}", f"{values}.{other_signature}",
        f"{given}x", given[1:], stranger,
        *(given[:at] + ("A" if given[at] != "A" else "B") + given[at + 1 :] for at in range(len(given) - 1)),
    ]  # fmt: skip
    for one in changed:
        with pytest.raises(InvalidToken, match="request a new one"):
            signing.verify(one, "PUT")
    assert signing.verify(given, "PUT").key == "a"


def test_the_address_is_that_of_the_api(tmp_path: Path) -> None:
    settings = Settings.read(
        {"IMPORTS_HOME": str(tmp_path), "IMPORTS_API_URL": "https://imports.example.org/"}
    )
    url = open_store(settings).signed_download("a", 60)
    assert url.startswith("https://imports.example.org/v1/files/")
    assert open_store(settings).verify(url.rpartition("/")[2], "GET").key == "a"
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["signing"]


def test_all_processes_have_the_same_secret(tmp_path: Path) -> None:
    """Several ask at once for the first time; each verifies what the others have signed."""
    program = (
        "import sys; from pathlib import Path; from imports_pipeline.filestore.local import LocalStore;"
        "print('ready', flush=True); input();"
        "print(LocalStore(Path(sys.argv[1])).signed_download('a', 600))"
    )
    root = tmp_path / "files"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    urls = [process.communicate()[0].strip() for process in processes]
    assert [LocalStore(root).verify(token(url), "GET").key for url in urls] == ["a"] * 6
    (secret,) = (tmp_path / "keys").iterdir()
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(secret.parent.stat().st_mode) == 0o700
    assert len(secret.read_bytes()) == 32
    assert secret.read_bytes() not in repr(LocalStore(root)).encode()
