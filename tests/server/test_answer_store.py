"""What the configuration names for the cache: whose answers are followed, and which folders hold a
model."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest

import lynkr
from lynkr.config.settings import Auth, Cache, Key, Log, Server, Settings, Storage
from lynkr.errors import ConfigError
from lynkr.gateway.answers import load_model
from lynkr.server import answer_store
from lynkr.server.answer_store import check, wants_questions, worth_following
from lynkr.server.app import Gateway

OURS = Path(lynkr.__file__).parent / "model"
WORDS = {"[UNK]": 0, "hello": 1, "world": 2}


def named(folder: Path) -> Settings:
    return Settings(cache=Cache(model_dir=str(folder)))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A model whose tokenizer looks up whole words, as BERT's does not."""
    folder = tmp_path / "own"
    folder.mkdir()
    tokenizer: dict[str, Any] = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": None, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None,
        "decoder": None, "model": {"type": "WordLevel", "vocab": WORDS, "unk_token": "[UNK]"},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    rows = struct.pack("<12f", *range(12))
    header = json.dumps(
        {"embeddings": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, len(rows)]}}
    ).encode()
    header += b" " * (-len(header) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + rows)
    (folder / "config.json").write_text(json.dumps({"model_type": "model2vec", "normalize": True}))
    return folder


def test_the_model_that_ships_with_lynkr_would_do_as_ones_own(tmp_path: Path) -> None:
    shutil.copytree(OURS, tmp_path / "copy")
    assert check(named(tmp_path / "copy")) == []
    assert check(Settings()) == []


@pytest.mark.parametrize("missing", ["", "tokenizer.json", "model.safetensors"])
def test_a_folder_without_a_model_is_refused(tmp_path: Path, missing: str) -> None:
    folder = tmp_path / "copy"
    if missing:
        shutil.copytree(OURS, folder)
        (folder / missing).unlink()
    [problem] = check(named(folder))
    assert problem.key == "cache.model_dir" and problem.fix
    assert (missing or "no such folder") in problem.reason
    assert problem.value == str(folder)


def test_another_tokenizer_is_left_to_model2vec(own: Path) -> None:
    pytest.importorskip("model2vec")
    assert check(named(own)) == []
    model = load_model(str(own))
    values = struct.unpack("4f", model.embed(b"hello"))
    assert model.dim == 4
    assert sum(value * value for value in values) == pytest.approx(1, abs=1e-3)
    assert values[0] < values[1] < values[2] < values[3]


def test_without_model2vec_it_is_said_what_is_missing(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_store, "find_spec", lambda name: None)
    [problem] = check(named(own))
    assert "without the package model2vec" in problem.reason
    assert "install model2vec" in problem.fix and "WordPiece" in problem.fix


def test_model2vec_needs_its_own_description_too(own: Path) -> None:
    pytest.importorskip("model2vec")
    (own / "config.json").unlink()
    [problem] = check(named(own))
    assert "config.json" in problem.reason


async def test_a_model_that_fails_only_when_it_is_loaded_stops_the_start(
    tmp_path: Path, own: Path
) -> None:
    """Not each call of the worker, one after the other."""
    pytest.importorskip("model2vec")
    (own / "tokenizer.json").write_text('{"model": {"type": "WordLevel"}}')
    settings = Settings(
        server=Server(port=0, state_dir=str(tmp_path)),
        cache=Cache(mode="semantic", model_dir=str(own)),
        log=Log(access="off"),
    )
    with pytest.raises(ConfigError, match=r"cache\.model_dir.*cannot be loaded"):
        await Gateway(settings).start()
    shown = msgspec.structs.replace(settings, cache=Cache(mode="semantic"))
    gateway = Gateway(shown)
    await gateway.start()
    await gateway.stop(0)


def test_questions_are_wanted_where_a_setting_says_so() -> None:
    key = Key(name="a", digest="sha256:" + "0" * 64)
    assert not wants_questions(Settings())
    assert wants_questions(Settings(cache=Cache(mode="semantic")))
    assert not wants_questions(Settings(auth=Auth(keys=[key])))
    assert wants_questions(
        Settings(auth=Auth(keys=[msgspec.structs.replace(key, cache="semantic")]))
    )


def test_a_store_is_followed_once_there_is_one(tmp_path: Path) -> None:
    settings = Settings(server=Server(state_dir=str(tmp_path)))
    assert not worth_following(settings)
    redis = msgspec.structs.replace(settings, storage=Storage(shared_url="redis://localhost"))
    assert worth_following(redis)
    (tmp_path / answer_store.FILE).touch()
    assert worth_following(settings)
    assert not worth_following(msgspec.structs.replace(settings, cache=Cache(mode="off")))
