"""Which host a client uses."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest

from soundverse_nb.errors import ConfigurationError, HostingError
from soundverse_nb.hosting import EmbeddedHost, PublishedReference, find_host, missing_host

REAL = "https://api.soundverse.ai"
SIMULATOR = "http://127.0.0.1:8080"
SIGNED = "https://songs.example.com/a.mp3?X-Amz-Signature=s3cret"


class Withdrawing:
    def __init__(self, url: str) -> None:
        self.url = url
        self.withdrawn: list[PublishedReference] = []

    async def publish(self, path: Path) -> PublishedReference:
        return PublishedReference(self.url)

    async def withdraw(self, published: PublishedReference) -> None:
        self.withdrawn.append(published)


def test_the_simulator_is_its_own_host() -> None:
    assert isinstance(find_host(None, SIMULATOR, True), EmbeddedHost)


def test_the_real_service_has_no_host_of_its_own() -> None:
    assert find_host(None, REAL, False) is None


def test_the_environment_names_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDVERSE_HOST", "s3://my-bucket/remixes")
    assert repr(find_host(None, REAL, False)) == "ObjectStoreHost('s3://my-bucket/remixes', expires=3600)"


def test_a_blank_default_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDVERSE_HOST", "  ")
    assert find_host(None, REAL, False) is None


def test_trying_the_simulator_uploads_nothing_to_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDVERSE_HOST", "s3://my-bucket/remixes")
    assert isinstance(find_host(None, SIMULATOR, True), EmbeddedHost)


def test_a_wrong_default_is_told_to_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDVERSE_HOST", "my-bucket")
    with pytest.raises(ConfigurationError, match="SOUNDVERSE_HOST in the environment"):
        find_host(None, REAL, False)


async def test_what_the_user_gave_wins(monkeypatch: pytest.MonkeyPatch, song: Path) -> None:
    monkeypatch.setenv("SOUNDVERSE_HOST", "s3://my-bucket/remixes")
    given = Withdrawing("https://example.com/song.mp3")
    found = find_host(given, SIMULATOR, True)
    assert found is not None
    assert (await found.publish(song)).url == given.url
    assert repr(find_host("gs://other/place", REAL, False)).startswith("ObjectStoreHost('gs://other/place'")


def test_the_simulators_host_is_for_the_simulator_only() -> None:
    with pytest.raises(ConfigurationError, match="is for the simulator"):
        find_host(EmbeddedHost(SIMULATOR), REAL, False)


def test_a_simulator_that_left_no_note_here_may_be_named_by_hand() -> None:
    found = find_host(EmbeddedHost(f"{SIMULATOR}/"), SIMULATOR, False)
    assert "EmbeddedHost" in repr(found)


@pytest.mark.parametrize(
    "setting", [42, object(), [], EmbeddedHost, "folder/of/songs", "file:///songs", "http://x"]
)
def test_what_is_no_host_is_refused(setting: object) -> None:
    with pytest.raises(ConfigurationError):
        find_host(setting, REAL, False)


async def test_a_url_only_this_machine_sees_is_refused_and_withdrawn_before_paying(song: Path) -> None:
    at_home = Withdrawing("http://192.168.1.5:9000/songs/a.mp3?X-Amz-Signature=s3cret")
    host = find_host(at_home, REAL, False)
    assert host is not None
    with pytest.raises(ConfigurationError, match="is in a private network") as refused:
        await host.publish(song)
    assert "s3cret" not in str(refused.value)
    assert [one.url for one in at_home.withdrawn] == [at_home.url]


async def test_a_refused_url_that_cannot_be_withdrawn_is_still_told_as_refused(song: Path) -> None:
    class Stuck(Withdrawing):
        async def withdraw(self, published: PublishedReference) -> None:
            raise RuntimeError(published.url)

    host = find_host(Stuck("http://localhost/a.mp3?X-Amz-Signature=s3cret"), REAL, False)
    assert host is not None
    with pytest.raises(ConfigurationError, match="is this machine itself") as refused:
        await host.publish(song)
    assert "s3cret" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("base_url", [REAL, SIMULATOR])
@pytest.mark.parametrize(
    "answer", [None, 7, "song.mp3", b"https://x", "ftp://example.com/a.mp3", {"url": SIGNED}]
)
async def test_a_host_of_ones_own_that_answers_nonsense_is_told(
    answer: Any, base_url: str, song: Path
) -> None:
    class Own(Withdrawing):
        async def publish(self, path: Path) -> PublishedReference:
            return answer  # type: ignore[no-any-return]

    host = find_host(Own(""), base_url, base_url == SIMULATOR)
    assert host is not None
    with pytest.raises(HostingError, match=r"The host Own returned .*, not an http\(s\) URL") as refused:
        await host.publish(song)
    assert "s3cret" not in str(refused.value)


async def test_a_host_of_ones_own_that_fails_is_named_without_its_secrets(song: Path) -> None:
    class Own(Withdrawing):
        async def publish(self, path: Path) -> PublishedReference:
            raise OSError(f"could not reach {SIGNED}")

    host = find_host(Own(""), REAL, False)
    assert host is not None
    with pytest.raises(HostingError, match=r"The host Own failed with OSError.*test_finder\.py") as failed:
        await host.publish(song)
    assert "s3cret" not in "".join(traceback.format_exception(failed.value))


async def test_a_host_that_only_publishes_is_a_host(song: Path) -> None:
    class Own:
        async def publish(self, path: Path) -> PublishedReference:
            return PublishedReference(SIGNED)

    host = find_host(Own(), REAL, False)
    assert host is not None
    published = await host.publish(song)
    assert published.url == SIGNED
    await host.withdraw(published)


async def test_a_public_url_passes_and_can_be_withdrawn(song: Path) -> None:
    public = Withdrawing("https://songs.example.com/a.mp3")
    host = find_host(public, REAL, False)
    assert host is not None
    published = await host.publish(song)
    await host.withdraw(published)
    assert public.withdrawn == [published]


async def test_any_async_function_is_a_host(song: Path) -> None:
    async def upload(path: Path) -> str:
        return f"https://songs.example.com/{path.suffix.lower()}"

    host = find_host(upload, REAL, False)
    assert host is not None
    assert (await host.publish(song)).url == "https://songs.example.com/.mp3"


def test_without_a_host_the_two_lines_to_add_are_shown() -> None:
    text = str(missing_host("song.mp3"))
    assert text.startswith("song.mp3 is on this machine")
    assert "Nothing was paid." in text
    assert "import soundverse_nb as sv\n" in text
    assert 'client = sv.Client(host="s3://my-bucket/remixes")' in text
    assert "SOUNDVERSE_HOST" in text
