"""The fake engine's images."""

from __future__ import annotations

import copy
import hashlib
import json
import secrets
from typing import TYPE_CHECKING

from fake_container import FakeContainer, FakeImage
from fake_files import FakeFile, FakeTree
from fake_words import has_labels, table, tar, untar

from dockstore.engines.errors import Conflict, NotFound, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dockstore.engines.engine import Json

DATA_ROOT = "/var/lib/docker"


class FakeImages:
    """The image methods of the Engine protocol."""

    images: dict[str, FakeImage]
    containers: dict[str, FakeContainer]

    def _called(self, name: str, *words: object) -> None:
        raise NotImplementedError

    def _container(self, name: str) -> FakeContainer:
        raise NotImplementedError

    def _image(self, reference: str) -> FakeImage:
        full = reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"
        for image in self.images.values():
            if full in image.tags or image.id == reference or image.id.removeprefix("sha256:").startswith(reference):
                return image
        raise NotFound(f"inspect image {reference}", 404, f"No such image: {full}")

    def inspect_image(self, image: str) -> Json:
        self._called("inspect_image", image)
        found = self._image(image)
        layers = [f"sha256:{hashlib.sha256(str(layer.host_path).encode()).hexdigest()}" for layer in found.layers]
        size = sum(len(entry.data) for layer in found.layers for entry in layer.files.values())
        data = {"UpperDir": found.layers[-1].host_path if found.layers else ""}
        return copy.deepcopy(
            {
                "Id": found.id,
                "RepoTags": list(found.tags),
                "Config": found.config,
                "Size": size,
                "RootFS": {"Type": "layers", "Layers": layers},
                "GraphDriver": {"Name": "overlay2", "Data": data},
            }
        )

    def list_images(self, *, filters: Mapping[str, Sequence[str]] | None = None) -> list[Json]:
        self._called("list_images")
        wanted = filters or {}
        return [
            {"Id": image.id, "RepoTags": list(image.tags), "Labels": table(image.config.get("Labels"))}
            for image in self.images.values()
            if has_labels(table(image.config.get("Labels")), wanted.get("label", ()))
            and all(any(tag.startswith(word) for tag in image.tags) for word in wanted.get("reference", ()))
        ]

    def load_image(self, data: bytes | Iterable[bytes]) -> None:
        self._called("load_image")
        files = untar(data if isinstance(data, bytes) else b"".join(data))
        if "manifest.json" not in files:
            raise Refused("load image", 500, "open manifest.json: no such file or directory")
        for entry in json.loads(files["manifest.json"].data):
            config = json.loads(files[entry["Config"]].data)
            trees = []
            for layer in entry["Layers"]:
                tree = FakeTree(f"{DATA_ROOT}/overlay2/{secrets.token_hex(32)}/diff")
                for path, item in untar(files[layer].data).items():
                    head, _, name = path.rpartition("/")
                    hidden = name.startswith(".wh.")
                    tree.put(f"{head}/{name.removeprefix('.wh.')}" if hidden else path, FakeFile(kind="whiteout") if hidden else item)
                trees.append(tree)
            number = f"sha256:{hashlib.sha256(files[entry['Config']].data).hexdigest()}"
            self.images.setdefault(number, FakeImage(id=number, tags=[], layers=trees, config=dict(config.get("config") or {})))
            for tag in entry.get("RepoTags") or []:
                self.tag_image(number, tag)

    def import_image(self, data: bytes | Iterable[bytes], reference: str, *, changes: Sequence[str] = ()) -> str:
        self._called("import_image", reference)
        files = untar(data if isinstance(data, bytes) else b"".join(data))
        number = self.add_image(reference, files)
        labels = [change.removeprefix("LABEL ").partition("=") for change in changes if change.startswith("LABEL ")]
        self.images[number].config = {"Labels": {name.strip('"'): value.strip('"') for name, _, value in labels}}
        return number

    def save_image(self, images: Sequence[str]) -> Iterator[bytes]:
        self._called("save_image", *images)
        files: dict[str, FakeFile] = {}
        manifest = []
        for reference in images:
            image = self._image(reference)
            config = f"{image.id.removeprefix('sha256:')}.json"
            names = [f"{hashlib.sha256(str(layer.host_path).encode()).hexdigest()}/layer.tar" for layer in image.layers]
            files[config] = FakeFile(data=json.dumps({"config": image.config, "rootfs": {"type": "layers", "diff_ids": []}}).encode())
            files.update({name: FakeFile(data=tar(layer.files)) for name, layer in zip(names, image.layers, strict=True)})
            manifest.append({"Config": config, "RepoTags": image.tags, "Layers": names})
        files["manifest.json"] = FakeFile(data=json.dumps(manifest).encode())
        yield tar(files)

    def commit_container(self, container: str, reference: str, *, labels: Mapping[str, str] | None = None) -> str:
        self._called("commit_container", container, reference)
        found = self._container(container)
        layer = FakeTree(f"{DATA_ROOT}/overlay2/{secrets.token_hex(32)}/diff")
        layer.files = dict(found.upper.files)
        config: Json = {**found.image.config, **{key: value for key, value in found.config.items() if key not in {"HostConfig", "Image"}}}
        config["Labels"] = {**table(found.image.config.get("Labels")), **table(found.config.get("Labels")), **(labels or {})}
        return self._new_image([*found.image.layers, layer], config, reference)

    def tag_image(self, image: str, reference: str) -> None:
        self._called("tag_image", image, reference)
        found = self._image(image)
        for other in self.images.values():
            if reference in other.tags:
                other.tags.remove(reference)
        found.tags.append(reference)

    def pull_image(self, reference: str, *, timeout_seconds: float) -> None:
        self._called("pull_image", reference)
        raise Refused(f"pull {reference}", 500, 'Get "http://localhost/v2/": dial tcp 127.0.0.1:80: connect: connection refused')

    def remove_image(self, image: str, *, force: bool = False) -> None:
        self._called("remove_image", image)
        found = self._image(image)
        users = [container for container in self.containers.values() if container.image is found]
        if image in found.tags and (len(found.tags) > 1 or (users and force)):
            found.tags.remove(image)
            return
        if users and (not force or any(user.running for user in users)):
            raise Conflict(f"remove image {image}", 409, f"conflict: unable to remove repository reference {image!r}: container is using it")
        del self.images[found.id]

    def add_image(self, tag: str, files: Mapping[str, bytes | FakeFile], config: Json | None = None, *, base: str | None = None) -> str:
        """Give the engine an image of one more layer than *base*."""
        layer = FakeTree(f"{DATA_ROOT}/overlay2/{secrets.token_hex(32)}/diff")
        for path, entry in files.items():
            layer.put(path, entry)
        below = self._image(base).layers if base is not None else []
        return self._new_image([*below, layer], dict(config or {}), tag)

    def _new_image(self, layers: list[FakeTree], config: Json, tag: str | None) -> str:
        number = f"sha256:{secrets.token_hex(32)}"
        self.images[number] = FakeImage(id=number, tags=[], layers=layers, config=config)
        if tag is not None:
            self.tag_image(number, tag)
        return number
