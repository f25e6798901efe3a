"""Spoilt, cut, lengthened and forged archives: each refused with one sentence, nothing but its folder touched."""

from __future__ import annotations

import io
import json
import random
import shutil
import tarfile
import tracemalloc
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from investbot.adapters.backups import manifests, sealing, tape
from investbot.domain.errors import DataError
from investbot.ports.backups import Keys, Manifest, Member
from tests.unit.adapters.backups.archives import (
    IDENTITY,
    KEYS,
    STRANGER,
    archiver,
    content,
    files,
    manifest,
    pack,
    silent,
)
from tests.unit.adapters.storage.samples import OTHER_KEY

NOISE = random.Random(5).randbytes(70_000)
CHUNK = 64 * 1024 + 16
"""Bytes of one encrypted chunk of age with its tag."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "archive"
    pack(path, *files({"noise.bin": NOISE}))
    return path.read_bytes()


def payload_of(archive: bytes) -> int:
    """Say where the payload begins: behind the line of age's header that holds its MAC."""
    return archive.index(b"\n", archive.index(b"\n--- ") + 1) + 1


class Trial:
    """Tries archives and counts what was refused."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refused = 0

    def __call__(self, data: bytes, keys: Keys = KEYS) -> str:
        path, out = self.folder / "archive", self.folder / "out"
        path.write_bytes(data)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        with pytest.raises(DataError) as refusal:
            archiver().unpack(path, keys, out, OTHER_KEY, silent)
        sentence = str(refusal.value)
        assert sentence.startswith(f"The archive {path} cannot be trusted: ")
        assert sentence.endswith(".")
        assert "\n" not in sentence
        assert sorted(each.name for each in self.folder.iterdir()) == ["archive", "out"]
        self.refused += 1
        return sentence


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)


def flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes((data[at] ^ (1 << bit),)) + data[at + 1 :]


def test_no_flipped_bit_is_let_through(whole: bytes, trial: Trial) -> None:
    chance = random.Random(11)
    payload = payload_of(whole)
    stanza = whole.index(b"\n-> ") + 1
    classes = {
        "version": range(stanza),
        "stanza": range(stanza, payload),
        "nonce": range(payload, payload + 16),
        "manifest": range(payload + 16, payload + 16 + 700, 12),
        "first chunk": [chance.randrange(payload + 16, payload + 16 + CHUNK) for _ in range(60)],
        "seam": range(payload + 16 + CHUNK - 20, payload + 16 + CHUNK + 20),
        "end": range(len(whole) - 40, len(whole)),
    }
    for offsets in classes.values():
        for at in offsets:
            trial(flipped(whole, at, chance.randrange(8)))
    assert len(classes) == 7
    assert trial.refused >= 400


def test_no_cut_is_let_through(whole: bytes, trial: Trial) -> None:
    payload = payload_of(whole)
    seams = [payload, payload + 16, payload + 16 + CHUNK, len(whole)]
    lengths = {near + step for near in seams for step in range(-17, 18)} | set(range(0, payload, 3))
    for length in sorted(each for each in lengths if 0 <= each < len(whole)):
        trial(whole[:length])
    assert trial.refused >= 150


def test_a_small_archive_cut_anywhere_is_refused(trial: Trial, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    pack(path, content("a.toml", b"x"))
    data = path.read_bytes()
    lengths = range(0, len(data), 5)
    for length in lengths:
        trial(data[:length])
    assert trial.refused == len(lengths) > 100


def test_nothing_may_stand_behind_an_archive(whole: bytes, trial: Trial) -> None:
    for more in (b"\0", b"\n", b"x" * 16, b"x" * 17, bytes(CHUNK), whole):
        trial(whole + more)
    assert trial.refused == 6


def test_what_is_no_archive_at_all(trial: Trial) -> None:
    chance = random.Random(3)
    for data in (
        b"",
        b"age-encryption.org/v1\n",
        b"SQLite format 3\0",
        b"PK\3\4",
        *map(chance.randbytes, (1, 99, 9999)),
    ):
        assert "damaged or no archive" in trial(data)


# ---- forgeries ------------------------------------------------------------------------------------------------------


def sealed(plain: Iterable[bytes]) -> bytes:
    """Seal whatever it is for the vault, as anybody can who has seen an archive: its recipient is public."""
    file = io.BytesIO()
    sealing.seal(plain, [sealing.recipient_of(IDENTITY)], file)
    return file.getvalue()


def taped(*named: tuple[str, bytes]) -> Iterator[bytes]:
    for name, data in named:
        yield from tape.pieces(name, len(data), 0, iter((data,)))
    yield tape.END


def head(said: Manifest, seal: bytes = KEYS.seals[0], changes: Mapping[str, object] | None = None) -> bytes:
    document = {**json.loads(manifests.write(said, seal)), **(changes or {})}
    if changes:
        del document["hmac_sha256"]
        document["hmac_sha256"] = manifests._mac(document, seal)
    return json.dumps(document).encode()


def test_the_public_recipient_alone_makes_no_archive(trial: Trial) -> None:
    said = manifest(*files())
    good = {each.name: b"".join(each.read()) for each in files()}
    for seal in (b"", b"\0" * 32, STRANGER.identities[0].encode(), sealing.recipient_of(IDENTITY).encode()):
        told = trial(sealed(taped(("manifest.json", head(said, seal)), *good.items())))
        assert "does not come from this vault" in told
    document = json.loads(head(said))
    for mac in (None, "", "0" * 64, 5, [document["hmac_sha256"]], document["hmac_sha256"].upper()):
        raw = json.dumps({**document, "hmac_sha256": mac}).encode()
        assert "does not come from this vault" in trial(sealed(taped(("manifest.json", raw), *good.items())))
    del document["hmac_sha256"]
    assert "does not come from this vault" in trial(sealed(taped(("manifest.json", json.dumps(document).encode()))))


def test_each_word_of_a_manifest_is_authenticated(trial: Trial) -> None:
    document = json.loads(head(manifest(*files())))
    changed = {
        "instance": "beta",
        "number": 8,
        "created_at": 1,
        "program": "9",
        "schema": 1,
        "last_seq": 0,
        "last_event_at": None,
        "rows": {},
        "sums": {"cash": "99.50"},
        "members": [],
        "more": 1,
    }
    for name, value in changed.items():
        raw = json.dumps({**document, name: value}).encode()
        assert "does not come from this vault" in trial(sealed(taped(("manifest.json", raw))))
    assert trial.refused == len(document) - 2 + 1  # each but `format` and the HMAC itself, and one more


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, r"a newer InvestBot made it \(format 2\): use that version"),
        ({"format": 10**6}, "a newer InvestBot"),
        ({"format": 0}, "its format 0 is none that ever was"),
        ({"format": True}, "cannot be read"),
        ({"format": "1"}, "cannot be read"),
        ({"format": -1}, "cannot be read"),
        ({"number": "7"}, "cannot be read"),
        ({"rows": []}, "cannot be read"),
        ({"sums": {"cash": 5}}, "cannot be read"),
        ({"program": None}, "cannot be read"),
        ({"members": None}, "cannot be read"),
        ({"members": [{"name": "a", "size": 1}]}, "cannot be read"),
        ({"members": [{"name": "a", "size": 1, "sha256": "0" * 63}]}, "cannot be read"),
        ({"members": [{"name": "../a", "size": 1, "sha256": "0" * 64}]}, "cannot be read"),
        ({"members": [{"name": "a", "size": 1, "sha256": "0" * 64}] * 2}, "cannot be read"),
        ({"members": [{"name": "manifest.json", "size": 1, "sha256": "0" * 64}]}, "cannot be read"),
        ({"unknown": 1}, "cannot be read"),
    ],
)
def test_manifests_this_program_does_not_know(trial: Trial, changes: dict[str, object], words: str) -> None:
    import re

    told = trial(sealed(taped(("manifest.json", head(manifest(), changes=changes)))))
    assert re.search(words, told)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"format": 1, "format": 1}', b"\xff", b"[" * 100_000])
def test_manifests_that_are_no_json(trial: Trial, raw: bytes) -> None:
    assert "manifest cannot be read" in trial(sealed(taped(("manifest.json", raw))))


def test_files_that_the_manifest_did_not_announce(trial: Trial) -> None:
    said = manifest(content("a.toml", b"aaa"), content("b.toml", b"b"))
    first = ("manifest.json", head(said))
    a, b = ("a.toml", b"aaa"), ("b.toml", b"b")
    for rest in (
        (),
        (a,),
        (b, a),
        (a, a, b),
        (a, b, b),
        (("a.toml", b"aab"), b),
        (("a.toml", b"aaaa"), b),
        (("A", b"aaa"), b),
    ):
        assert "does not hold what its manifest says" in trial(sealed(taped(first, *rest)))
    assert "begin with a manifest" in trial(sealed(taped(a, first, b)))
    assert "ends too early" in trial(sealed(iter((b"",))))
    assert "holds no manifest" in trial(sealed(taped()))


def member(name: str = "a.toml", kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = 3, kind, link
    return info.tobuf(tarfile.GNU_FORMAT)


HEADERS: dict[str, bytes] = {
    "absolute": member("/etc/cron.d/x"),
    "above": member("../x"),
    "above, later": member("versions/../../x"),
    "here": member("./a.toml"),
    "hidden": member(".bashrc"),
    "doubled": member("versions//x"),
    "backslash": member("..\\x"),
    "control": member("a\nb"),
    "link": member(kind=tarfile.SYMTYPE, link="/etc"),
    "hard link": member(kind=tarfile.LNKTYPE, link="x"),
    "named link": member(link="/etc/passwd"),
    "folder": member(kind=tarfile.DIRTYPE),
    "pipe": member(kind=tarfile.FIFOTYPE),
    "device": member(kind=tarfile.CHRTYPE),
    "sparse": member(kind=tarfile.GNUTYPE_SPARSE),
    "long name": tarfile.TarInfo("x" * 300).tobuf(tarfile.GNU_FORMAT)[: tape.BLOCK],
    "pax": tarfile.TarInfo("x" * 300).tobuf(tarfile.PAX_FORMAT)[: tape.BLOCK],
    "sum": b"b" + member()[1:],
    "noise": NOISE[: tape.BLOCK],
}


@pytest.mark.parametrize("case", HEADERS)
def test_tars_that_want_elsewhere_are_refused_even_with_the_right_seal(trial: Trial, case: str) -> None:
    said = manifest(content("a.toml", b"aaa"))
    plain = b"".join(tape.pieces("manifest.json", len(head(said)), 0, iter((head(said),))))
    told = trial(sealed((plain, HEADERS[case], b"aaa" + bytes(509), tape.END)))
    assert any(words in told for words in ("no plain file", "lie elsewhere", "is broken"))
    assert list((trial.folder / "out").iterdir()) == []


def test_tars_that_do_not_end_where_they_should(trial: Trial) -> None:
    said = manifest(content("a.toml", b"aaa"))
    good = b"".join(taped(("manifest.json", head(said)), ("a.toml", b"aaa")))
    short = len(good) - len(tape.END)
    assert "ends too early" in trial(sealed((good[:short],)))
    assert "ends too early" in trial(sealed((good[: short + 512],)))
    assert "behind its end" in trial(sealed((good, bytes(512))))
    assert "behind its end" in trial(sealed((good, good)))
    assert "behind its end" in trial(sealed((good[: short + 512], good[short - 1024 : short])))
    assert "between its files" in trial(sealed((good[: short - 1], b"x", tape.END)))


def test_zstd_that_is_none_or_goes_on(trial: Trial) -> None:
    import pyrage
    import zstandard

    recipient = pyrage.x25519.Recipient.from_str(sealing.recipient_of(IDENTITY))
    said = manifest(content("a.toml", b"aaa"))
    frame = zstandard.compress(b"".join(taped(("manifest.json", head(said)), ("a.toml", b"aaa"))))
    assert "damaged inside" in trial(pyrage.encrypt(b"no zstd at all", [recipient]))
    assert "ends too early" in trial(pyrage.encrypt(frame[:-3], [recipient]))
    summed = zstandard.ZstdCompressor(write_checksum=True).compress(zstandard.decompress(frame))
    assert "ends too early" in trial(pyrage.encrypt(summed[:-2], [recipient]))  # all of the tar, not all of its sum
    assert "damaged inside" in trial(pyrage.encrypt(summed[:-1] + bytes((summed[-1] ^ 1,)), [recipient]))
    assert "behind its end" in trial(pyrage.encrypt(frame + b"x", [recipient]))
    assert "behind its end" in trial(pyrage.encrypt(frame + bytes(600), [recipient]))
    assert "behind its end" in trial(pyrage.encrypt(frame + frame, [recipient]))


@pytest.mark.parametrize("name", ["manifest.json", "other"])
def test_a_bomb_takes_no_memory(trial: Trial, name: str) -> None:
    zeros = bytes(1 << 20)
    bomb = sealed((tape.header(name, manifests.MOST_BYTES, 0), *(zeros for _ in range(96))))
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        trial(bomb)
        assert tracemalloc.get_traced_memory()[1] < 48 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_head_is_judged_like_the_whole(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    for data, keys in ((whole[:40], KEYS), (whole, STRANGER), (whole, replace(KEYS, seals=(b"x" * 32,)))):
        path.write_bytes(data)
        with pytest.raises(DataError, match="cannot be trusted"):
            archiver().head(path, keys)


def test_a_member_too_large_for_its_header() -> None:
    huge = Member("a", 9 * 2**30, "0" * 64)
    block = tape.header(huge.name, huge.size, 0)
    assert len(block) == tape.BLOCK
    assert tarfile.TarInfo.frombuf(block, "utf-8", "strict").size == huge.size
