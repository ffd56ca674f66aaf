"""Images as bytes: what is written, read back, and put on top of another."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import pytest

from dockstore.core.model import ImageSpec, LayerEntry
from dockstore.engines.images import SCRATCH, base_image, build_image
from dockstore.engines.lab import FLOCK_LABEL
from dockstore.engines.providers import image_archive
from dockstore.engines.providers.image_archive import (
    BadArchive,
    Image,
    Layer,
    archive,
    extended,
    filling,
    folders_of,
    image_id,
    layer_of,
    read_archive,
)
from dockstore.engines.providers.lab_image import Tool, is_static, lab_image, libraries_of


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: member for member in tar.getmembers()}


def content(data: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        file = tar.extractfile(name)
        assert file is not None
        with file:
            return file.read()


def test_a_file_keeps_its_content_mode_and_owner() -> None:
    entry = LayerEntry(path="/app/one", content="one\n", mode=0o640, owner=(1000, 1001))

    data = layer_of([entry])

    member = members(data)["app/one"]
    assert (member.mode, member.uid, member.gid) == (0o640, 1000, 1001)
    assert content(data, "app/one") == b"one\n"


def test_a_file_that_says_nothing_of_its_mode_is_0644_and_roots() -> None:
    member = members(layer_of([LayerEntry(path="/one", content="")]))["one"]

    assert (member.mode, member.uid, member.gid, member.mtime) == (0o644, 0, 0, 0)


def test_a_parent_that_nobody_wrote_is_an_open_directory() -> None:
    data = layer_of([LayerEntry(path="/a/b/one", content="x")])

    assert list(members(data)) == ["a", "a/b", "a/b/one"]
    assert members(data)["a/b"].mode == 0o755


def test_a_parent_of_a_lower_layer_keeps_its_mode_and_owner() -> None:
    below = Layer(layer_of([LayerEntry(path="/tmp/", directory=True, mode=0o1777, owner=(5, 6))]), "below")

    data = layer_of([LayerEntry(path="/tmp/one", content="x")], below=[below])

    member = members(data)["tmp"]
    assert (member.mode, member.uid, member.gid) == (0o1777, 5, 6)


def test_a_directory_that_a_whiteout_took_is_a_new_one() -> None:
    below = [
        Layer(layer_of([LayerEntry(path="/d/e", directory=True, mode=0o700)]), "one"),
        Layer(layer_of([LayerEntry(path="/d/e", whiteout=True)]), "two"),
    ]

    assert "d/e" not in folders_of(below)
    assert "d" in folders_of(below)


def test_a_directory_that_a_file_replaced_is_none() -> None:
    below = [
        Layer(layer_of([LayerEntry(path="/d", directory=True)]), "one"),
        Layer(layer_of([LayerEntry(path="/d", content="x")]), "two"),
    ]

    assert folders_of(below) == {}


def test_a_whiteout_is_an_empty_file_beside_the_name() -> None:
    data = layer_of([LayerEntry(path="/app/one", whiteout=True)])

    assert members(data)["app/.wh.one"].size == 0


def test_a_link_keeps_its_target() -> None:
    member = members(layer_of([LayerEntry(path="/var/run", link="/run")]))["var/run"]

    assert (member.issym(), member.linkname) == (True, "/run")


def test_a_written_directory_stands_before_what_lies_in_it() -> None:
    entries = [LayerEntry(path="/d/one", content="x"), LayerEntry(path="/d/", directory=True, mode=0o750)]

    data = layer_of(entries)

    assert list(members(data)) == ["d", "d/one"]
    assert members(data)["d"].mode == 0o750


def test_a_big_file_has_its_size_and_does_not_compress_to_nothing() -> None:
    size = 3 * (1 << 20) + 17

    data = filling(size, "/app/large")

    assert len(data) == size
    assert len(gzip.compress(data, compresslevel=1)) > size * 0.9
    assert filling(size, "/app/large") == data
    assert filling(size, "/app/other") != data


@pytest.mark.parametrize("size", [0, 1, 1 << 20])
def test_a_filling_has_exactly_its_size(size: int) -> None:
    assert len(filling(size, "x")) == size


def test_the_same_image_has_the_same_bytes() -> None:
    spec = ImageSpec(name="app", base="scratch", layers=((LayerEntry(path="/one", content="1"),),))

    first, second = (archive(extended(Image(), spec), "localhost/x:1") for _ in range(2))

    assert first == second


def test_an_archive_names_its_reference_and_its_layers() -> None:
    image = Image(layers=(Layer(layer_of([LayerEntry(path="/one", content="1")]), "why"),), config={"Cmd": ["x"]})

    data = archive(image, "localhost/x:1")

    (entry,) = json.loads(content(data, "manifest.json"))
    configuration = json.loads(content(data, entry["Config"]))
    assert entry["RepoTags"] == ["localhost/x:1"]
    assert configuration["rootfs"]["diff_ids"] == [image.layers[0].diff_id]
    assert image_id(image) == "sha256:" + entry["Config"].removesuffix(".json")


def test_an_image_with_two_equal_layers_can_be_read_back() -> None:
    layer = Layer(layer_of([LayerEntry(path="/one", content="1")]), "")

    image = read_archive(archive(Image(layers=(layer, layer)), "localhost/x:1"))

    assert image.layers == (layer, layer)


def test_what_is_read_back_is_what_was_written() -> None:
    image = Image(layers=(Layer(layer_of([LayerEntry(path="/one", content="1")]), "why"),), config={"Env": ["A=1"]}, architecture="arm64")

    assert read_archive(archive(image, "localhost/x:1")) == image


def test_a_layer_that_was_saved_compressed_is_read() -> None:
    layer = layer_of([LayerEntry(path="/one", content="1")])
    files = {
        "blobs/sha256/c": json.dumps(
            {"architecture": "amd64", "config": None, "history": [{"created_by": "a", "empty_layer": True}, {"created_by": "b"}]}
        ).encode(),
        "blobs/sha256/l": gzip.compress(layer),
        "manifest.json": json.dumps([{"Config": "blobs/sha256/c", "RepoTags": None, "Layers": ["blobs/sha256/l"]}]).encode(),
    }

    image = read_archive(packed(files))

    assert image == Image(layers=(Layer(layer, "b"),), config={}, architecture="amd64")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param({}, "manifest.json", id="no manifest"),
        pytest.param({"manifest.json": b"["}, "read the archive", id="a broken manifest"),
        pytest.param({"manifest.json": b"[]"}, "read the archive", id="no image"),
        pytest.param(
            {"manifest.json": b'[{"Config": "c", "Layers": ["l"]}]', "c": b"{}", "l": b"\x28\xb5\x2f\xfd..."},
            "zstd",
            id="a layer compressed with zstd",
        ),
    ],
)
def test_an_archive_that_cannot_be_read_is_refused_with_a_sentence(files: dict[str, bytes], words: str) -> None:
    with pytest.raises(BadArchive, match=words):
        read_archive(packed(files))


def test_what_is_no_tar_is_refused() -> None:
    with pytest.raises(BadArchive):
        read_archive(b"nonsense")


def test_an_image_on_another_adds_layers_and_configuration() -> None:
    base = Image(
        layers=(Layer(layer_of([LayerEntry(path="/one", content="1")]), "base"),),
        config={"Env": ["A=1"], "Volumes": {"/old": {}}, "Labels": {"a": "1"}, "Cmd": ["x"]},
    )
    spec = ImageSpec(name="app", layers=((LayerEntry(path="/two", content="2"),), ()), volume=("/data",), user="1000", cmd=("sleep", "1"))

    image = extended(base, spec, labels={"b": "2"})

    assert [layer.why for layer in image.layers] == ["base", "dockstore: layer 1 of app", "dockstore: layer 2 of app"]
    assert image.config == {
        "Env": ["A=1"],
        "Volumes": {"/old": {}, "/data": {}},
        "Labels": {"a": "1", "b": "2"},
        "Cmd": ["sleep", "1"],
        "User": "1000",
    }


def test_what_is_not_written_stays_the_bases() -> None:
    base = Image(config={"User": "lab", "Cmd": ["x"], "Volumes": {"/v": {}}})

    assert extended(base, ImageSpec(name="app")).config == base.config


def test_an_image_from_scratch_has_only_its_own_layers() -> None:
    spec = ImageSpec(name="app", base="scratch", layers=((LayerEntry(path="/one", content="1"),),))

    image = read_archive(build_image(spec, base_image(SCRATCH), reference="localhost/x:1", labels={"l": "1"}))

    assert len(image.layers) == 1
    assert image.config["Labels"] == {"l": "1"}


def test_an_image_on_one_built_before_needs_no_engine() -> None:
    first = ImageSpec(name="first", base="scratch", layers=((LayerEntry(path="/one", content="1"),),))
    built = {"first": build_image(first, base_image(SCRATCH), reference="localhost/first:1")}

    image = extended(base_image("first", built=built), ImageSpec(name="second", layers=((LayerEntry(path="/two", content="2"),),)))

    assert [layer.why for layer in image.layers] == ["dockstore: layer 1 of first", "dockstore: layer 1 of second"]


def test_the_lab_image_has_busybox_its_applets_and_a_flock() -> None:
    lock = Tool(files={"usr/bin/flock": b"lock", "lib/libc.so.6": b"libc"})

    image = lab_image(b"box", lock, applets=("busybox", "cat", "flock", "sh"))

    base, tools = (members(layer.data) for layer in image.layers)
    assert base["bin/sh"].linkname == "busybox"
    assert "bin/flock" not in base
    assert base["tmp"].mode == 0o1777
    assert list(tools) == ["usr", "usr/bin", "usr/bin/flock", "lib", "lib/libc.so.6"]
    assert image.config["Labels"] == {"io.dockstore.lab": "1", FLOCK_LABEL: "1"}


def test_the_lab_image_without_a_flock_says_so() -> None:
    image = lab_image(b"box", None, applets=("cat", "sh"))

    assert len(image.layers) == 1
    assert image.config["Labels"] == {"io.dockstore.lab": "1", FLOCK_LABEL: "0"}


def test_busyboxs_own_flock_is_one_too() -> None:
    image = lab_image(b"box", None, applets=("flock", "sh"))

    assert members(image.layers[0].data)["bin/flock"].linkname == "busybox"
    assert image.config["Labels"] == {"io.dockstore.lab": "1", FLOCK_LABEL: "1"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(
            "\tlinux-vdso.so.1 (0x00007ffc)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n",
            ("/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"),
            id="as Debian says it",
        ),
        pytest.param("\tlibx.so => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x1)\n", (), id="one is missing"),
        pytest.param("\tstatically linked\n", (), id="a static program"),
    ],
)
def test_the_libraries_that_ldd_names(text: str, found: tuple[str, ...]) -> None:
    assert libraries_of(text) == found


def elf(*kinds: int, wide: bool = True) -> bytes:
    """The smallest program header table that a reader can be asked about."""
    head = bytearray(64 if wide else 52)
    head[:6] = b"\x7fELF" + bytes([2 if wide else 1, 1])
    at, count, size = (32, 56, 56) if wide else (28, 44, 32)
    head[at : at + 4] = len(head).to_bytes(4, "little")
    head[count - 2 : count] = size.to_bytes(2, "little")
    head[count : count + 2] = len(kinds).to_bytes(2, "little")
    return bytes(head) + b"".join(kind.to_bytes(4, "little") + bytes(size - 4) for kind in kinds)


@pytest.mark.parametrize("wide", [True, False], ids=["64 bits", "32 bits"])
def test_a_program_with_an_interpreter_is_not_static(wide: bool) -> None:
    load, interpreter = 1, 3

    assert is_static(elf(load, load, wide=wide))
    assert not is_static(elf(load, interpreter, wide=wide))


def test_a_text_is_no_static_program() -> None:
    assert not is_static(b"#!/bin/sh\n")


def packed(files: dict[str, bytes]) -> bytes:
    tar = image_archive.TarWriter()
    for name, data in files.items():
        tar.add(name, tarfile.REGTYPE, mode=0o644, owner=(0, 0), data=data)
    return tar.finish()
