"""Settings: what the variables take, and what they refuse without repeating a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from imports_pipeline.settings import Settings


def test_defaults() -> None:
    settings = Settings.read({})
    assert (settings.store_url, settings.api_url) == ("", "http://127.0.0.1:8000")
    assert settings.home == Path(".imports").resolve()


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("/data/files", "/data/files"),
        ("files", str(Path("files").resolve())),
        ("file:///data/my%20files", "/data/my files"),
    ],
)
def test_store_urls(given: str, url: str) -> None:
    assert Settings.read({"STORE_URL": given}).store_url == url


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("s3://", "names no bucket"),
        ("s3:///prefix", "names no bucket"),
        ("s3://key:hidden@bucket/x", "may have a bucket and a prefix only"),
        ("s3://bucket/x?secret=hidden", "may have a bucket and a prefix only"),
        ("s3://bucket/x#hidden", "may have a bucket and a prefix only"),
        ("s3://[hidden", "is not a URL"),
        ("gs://bucket/x", "not gs://"),
        ("https://bucket.s3.amazonaws.com", "not https://"),
        ("file://host/data", "not file://"),
        ("file://", "not file://"),
    ],
)
def test_refused_store_urls(given: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        Settings.read({"STORE_URL": given})
    assert str(caught.value).startswith("STORE_URL")
    assert "hidden" not in str(caught.value)


def test_arrivals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.read({})
    assert (settings.uploads_a_tick, settings.uploads_after, settings.syncs) == (50, "move", None)
    settings = Settings.read(
        {"IMPORTS_UPLOADS_A_TICK": "0", "IMPORTS_UPLOADS_AFTER": "leave", "IMPORTS_SYNCS": "syncs.yaml"}
    )
    assert (settings.uploads_a_tick, settings.uploads_after) == (1, "leave"), "a tick does something"
    assert settings.syncs == tmp_path / "syncs.yaml"
    with pytest.raises(ValueError, match="IMPORTS_UPLOADS_AFTER must be move or leave, not 'burn'"):
        Settings.read({"IMPORTS_UPLOADS_AFTER": "burn"})


def test_run_tags_of_large_imports() -> None:
    assert Settings.read({}).large_run_tags == {}
    pod = '{"container_config": {"resources": {"requests": {"cpu": "2"}}}}'
    given = f'{{"dagster-k8s/config": {pod}, "dagster-celery/queue": "large", "dagster/priority": 5}}'
    settings = Settings.read({"IMPORTS_LARGE_BYTES": "1000", "IMPORTS_LARGE_RUN_TAGS": given})
    assert settings.large_bytes == 1000
    assert settings.large_run_tags == {
        "dagster-k8s/config": pod,
        "dagster-celery/queue": "large",
        "dagster/priority": "5",
    }


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("{'queue': 1}", "a JSON object of run tags, such as .*; this is not JSON: Expecting property name"),
        ('["large"]', "a JSON object of run tags, such as .*, not '\\[\"large\"\\]'"),
        ('{"dagster-celery/queue": null}', "'dagster-celery/queue' has no value"),
        ('{"imports/size": "huge"}', "may not set 'imports/size'"),
    ],
)
def test_refused_run_tags(given: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^IMPORTS_LARGE_RUN_TAGS .*{sentence}"):
        Settings.read({"IMPORTS_LARGE_RUN_TAGS": given})
