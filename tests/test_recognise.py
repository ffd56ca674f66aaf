"""Every kind of data is told by its content: real files in a folder, walked as a volume is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dockstore.core.kinds import KINDS, Kind
from dockstore.core.listing import Listing, scratch
from dockstore.core.recognise import Content, recognise
from dockstore.engines.direct_host import DirectHost

if TYPE_CHECKING:
    from pathlib import Path

SQLITE = b"SQLite format 3\x00" + bytes(80) + (3_040_001).to_bytes(4, "big")
BOLT = bytes(16) + b"\xed\xda\x0c\xed"
RDB = b"REDIS0011\xfa\tredis-ver\x057.2.4\xfa"
PG = {"PG_VERSION": b"15\n", "global/pg_control": b"x", "base/1/1234": b"x", "postmaster.opts": b"postgres"}
MARIADB = {"ibdata1": b"x", "aria_log_control": b"x", "mysql/user.frm": b"x", "mariadb_upgrade_info": b"10.11.6-MariaDB"}

# (files, kind, version, detail); a name that ends with a slash is a folder
SAMPLES: dict[str, tuple[dict[str, bytes], str, str | None, str | None]] = {
    "postgresql": (PG, "postgresql", "15", None),
    "postgresql below": ({f"17/docker/{path}": data for path, data in (PG | {"PG_VERSION": b"17"}).items()}, "postgresql", "17", None),
    "mariadb": (MARIADB, "mariadb", "10.11.6", None),
    "mysql 8": ({"ibdata1": b"", "mysql.ibd": b"x", "auto.cnf": b"x", "mysql_upgrade_history": b'{"version":"8.4.2"}'}, "mysql", "8.4.2", None),
    "mysql 8.0": ({"ibdata1": b"", "mysql.ibd": b"x"}, "mysql", "8 or later", None),
    "mysql 5": ({"ibdata1": b"", "ib_logfile0": b"", "mysql/user.frm": b"", "auto.cnf": b""}, "mysql", "5.7 or earlier", None),
    "mongodb": ({"WiredTiger": b"WiredTiger\nWiredTiger 11.2.0: (x)", "storage.bson": b"x"}, "mongodb", "WiredTiger 11.2.0", None),
    "mongodb, old": ({"mongod.lock": b"", "local.0": b""}, "mongodb", None, None),
    "redis": ({"dump.rdb": RDB}, "redis", "7.2.4", "dump"),
    "redis, both": ({"dump.rdb": RDB, "appendonlydir/appendonly.aof.manifest": b"file"}, "redis", "7.2.4", "dump and append-only file"),
    "redis, aof": ({"appendonlydir/appendonly.aof.1.base.rdb": RDB, "appendonlydir/appendonly.aof.manifest": b"file"}, "redis", "7.2.4", "append-only file"),
    "redis, old aof": ({"appendonly.aof": b"*2\r\n$6\r\nSELECT"}, "redis", None, "append-only file"),
    "rabbitmq": ({"mnesia/rabbit@queue/schema.DAT": b"x", "mnesia/rabbit@queue-plugins-expand/": b"", ".erlang.cookie": b"x"}, "rabbitmq", None, "node rabbit@queue"),
    "rabbitmq, the database alone": ({"rabbit@4f1c/cluster_nodes.config": b"x"}, "rabbitmq", None, "node rabbit@4f1c"),
    "elasticsearch 7": ({"nodes/0/_state/global-1.st": b"x"}, "elasticsearch", "7 or earlier", None),
    "elasticsearch 8": ({"_state/segments_1": b"x", "node.lock": b"", "indices/": b""}, "elasticsearch", "8 or later", None),
    "clickhouse": ({"metadata/default.sql": b"x", "store/abc/": b"", "status": b"PID: 1\nRevision: 54486\n"}, "clickhouse", "revision 54486", None),
    "cassandra": ({"commitlog/CommitLog-7-1.log": b"x", "data/system/local-7ad/x.db": b"x"}, "cassandra", None, None),
    "couchdb": ({"_dbs.couch": b"x", "shards/": b""}, "couchdb", None, None),
    "neo4j": ({"databases/neo4j/neostore": b"x", "transactions/neo4j/x": b"", "dbms/auth.ini": b"x"}, "neo4j", None, None),
    "influxdb 2": ({"influxd.bolt": BOLT, "engine/": b""}, "influxdb", "2", None),
    "influxdb 1": ({"meta/meta.db": b"x", "data/": b"", "wal/": b""}, "influxdb", "1", None),
    "mssql": ({"data/master.mdf": b"x"}, "mssql", None, None),
    "kafka": ({"meta.properties": b"version=1\ncluster.id=abc-1\n", "__cluster_metadata-0/x.log": b""}, "kafka", None, "cluster abc-1"),
    "zookeeper": ({"version-2/snapshot.0": b"x", "myid": b"1"}, "zookeeper", None, None),
    "etcd": ({"member/snap/db": b"x", "member/wal/0.wal": b""}, "etcd", None, None),
    "consul": ({"raft/raft.db": b"x", "serf/local.snapshot": b""}, "consul", None, None),
    "vault": ({"vault.db": b"x", "raft/raft.db": b""}, "vault", None, None),
    "nats": ({"jetstream/$G/streams/x": b"x"}, "nats", None, None),
    "qdrant": ({"raft_state.json": b"{}", "collections/": b""}, "qdrant", None, None),
    "meilisearch": ({"data.ms/VERSION": b"1.8.0"}, "meilisearch", "1.8.0", None),
    "solr": ({"data/solr.xml": b"x"}, "solr", None, None),
    "openldap": ({"data.mdb": b"x", "lock.mdb": b"x"}, "openldap", None, None),
    "mosquitto": ({"mosquitto.db": b"\x00\xb5\x00mosquitto db\x00"}, "mosquitto", None, None),
    "jenkins": ({"jobs/build/config.xml": b"x", "secrets/master.key": b"x", "config.xml": b"<hudson><version>2.426.1</version>"}, "jenkins", "2.426.1", None),
    "grafana": ({"grafana.db": SQLITE, "plugins/": b""}, "grafana", None, None),
    "loki": ({"tsdb-shipper-active/x": b"x", "chunks/": b""}, "loki", None, None),
    "prometheus": ({"chunks_head/000001": b"x", "wal/00000000": b"x", "queries.active": b""}, "prometheus", None, None),
    "nextcloud": ({"version.php": b"<?php $OC_VersionString = '27.1.2';", "config/config.php": b"x", "apps/": b""}, "nextcloud", "27.1.2", None),
    "nextcloud, files": ({".ocdata": b"", "ann/files/a.txt": b"x"}, "nextcloud", None, None),
    "nextcloud, settings": ({"config.php": b"<?php\n$CONFIG = array ('version' => '28.0.1',"}, "nextcloud", "28.0.1", None),
    "wordpress": ({"wp-includes/version.php": b"$wp_version = '6.4.2';", "wp-config.php": b"x", "index.php": b"x"}, "wordpress", "6.4.2", None),
    "wordpress, content": ({"themes/a/": b"", "plugins/b/x.php": b"x", "uploads/": b""}, "wordpress", None, None),
    "wordpress, content below": ({"wp-content/uploads/a.jpg": b"x"}, "wordpress", None, None),
    "gitea": ({"gitea/gitea.db": SQLITE, "git/repositories/a/b.git/HEAD": b"ref"}, "gitea", None, None),
    "gitlab": ({"git-data/repositories/x": b"x"}, "gitlab", None, None),
    "nexus": ({"blobs/default/x": b"x", "db/component/x": b"", "etc/nexus.properties": b""}, "nexus", None, None),
    "minio": ({".minio.sys/format.json": b'{"version":"1","format":"xl-single"}', "bucket/a/xl.meta": b"x"}, "minio", "format 1", None),
    "registry": ({"docker/registry/v2/repositories/a/x": b"x"}, "registry", None, None),
    "docker": ({"image/overlay2/x": b"x", "volumes/metadata.db": b"x", "containers/": b"", "overlay2/": b""}, "docker", None, None),
    "portainer": ({"portainer.db": BOLT}, "portainer", None, None),
    "vaultwarden": ({"db.sqlite3": SQLITE, "rsa_key.pem": b"x"}, "vaultwarden", None, None),
    "home-assistant": ({".HA_VERSION": b"2024.6.1", "configuration.yaml": b"x"}, "home-assistant", "2024.6.1", None),
    "uptime-kuma": ({"kuma.db": SQLITE}, "uptime-kuma", None, None),
    "n8n": ({"database.sqlite": SQLITE, "config": b"{}"}, "n8n", None, None),
    "ghost": ({"themes/x": b"", "images/a.png": b"x", "data/ghost.db": SQLITE}, "ghost", None, None),
    "syncthing": ({"config.xml": b"x", "key.pem": b"x", "cert.pem": b"x"}, "syncthing", None, None),
    "pihole": ({"gravity.db": SQLITE}, "pihole", None, None),
    "minecraft": ({"world/level.dat": b"x", "server.properties": b"x"}, "minecraft", None, None),
    "node-modules": ({".package-lock.json": b"{}", "left-pad/index.js": b"x"}, "node-modules", None, None),
    "python-env": ({"pyvenv.cfg": b"x", "bin/python": b"x"}, "python-env", None, None),
    "cache": ({"CACHEDIR.TAG": b"Signature: 8a477f597d28d172789f06886806bc55\n"}, "cache", None, None),
    "maven": ({"repository/org/apache/x.jar": b"x"}, "maven", None, None),
    "git": ({"shop/.git/HEAD": b"ref: refs/heads/main\n", "shop/a.py": b"x"}, "git", None, "on main"),
    "git, bare": ({"HEAD": b"ref: refs/heads/trunk\n", "objects/": b"", "refs/heads/": b""}, "git", None, "on trunk"),
    "certificates": ({"live/a.example/fullchain.pem": b"x", "archive/a.example/x": b"", "renewal/a.conf": b""}, "certificates", None, "for a.example"),
    "certificates of traefik": ({"acme.json": b"{}"}, "certificates", None, None),
    "certificates of caddy": ({"caddy/certificates/x": b"x"}, "certificates", None, None),
    "mail": ({"example.org/ann/cur/1": b"x", "example.org/ann/new/": b"", "example.org/ann/tmp/": b""}, "mail", None, None),
    "rocksdb": ({"CURRENT": b"MANIFEST-1", "MANIFEST-1": b"", "OPTIONS-7": b"[Version]\n  rocksdb_version=8.1.1\n"}, "rocksdb", "8.1.1", None),
    "leveldb": ({"CURRENT": b"MANIFEST-1", "MANIFEST-1": b"", "000003.log": b""}, "leveldb", None, None),
    "sqlite": ({"data/notes.db": SQLITE}, "sqlite", "3.40.1", None),
    "sqlite, by its usual name": ({"app.sqlite3": SQLITE}, "sqlite", "3.40.1", None),
    "sqlite, db3": ({"app.db3": SQLITE}, "sqlite", "3.40.1", None),
    "boltdb": ({"my.db": BOLT}, "boltdb", None, None),
    "h2": ({"keycloakdb.mv.db": b"H:2,block:9"}, "h2", None, None),
    "postgresql-dump": ({"monday.dump": b"PGDMP\x01"}, "postgresql-dump", None, None),
    "sql-dump": ({"all.sql.gz": b"x"}, "sql-dump", None, None),
    "website": ({"index.html": b"<html>", "css/a.css": b"x"}, "website", None, None),
    "keys": ({"server.key": b"-----BEGIN PRIVATE KEY-----"}, "keys", None, None),
    "backups": ({"monday.tar.gz": b"x"}, "backups", None, None),
}  # fmt: skip


def told(root: Path, files: dict[str, bytes]) -> tuple[Content, ...]:
    """What a walk through a folder with *files* tells."""
    for path, data in files.items():
        place = root / path
        if path.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    host, listing = DirectHost(), Listing()
    for entry in host.walk(str(root)):
        listing.add(entry.path, entry.stat.type, entry.stat.size_bytes, entry.stat.mtime_ns)
    return recognise(listing, lambda path, limit: host.read(path, root=str(root), limit_bytes=limit))


@pytest.mark.parametrize("sample", SAMPLES)
def test_data_are_known_by_their_content(sample: str, tmp_path: Path) -> None:
    files, kind, version, detail = SAMPLES[sample]

    first = told(tmp_path, files)[0]

    assert (first.id, first.version, first.detail) == (kind, version, detail)
    assert first.signs


def test_every_kind_of_the_table_is_tried_here() -> None:
    tried = {kind for _, kind, _, _ in SAMPLES.values()}

    assert {kind.id for kind in KINDS} - tried == set()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.id}-{kind.name}")
def test_a_row_of_the_table_can_be_asked(kind: Kind) -> None:
    assert kind.signs or kind.one_of
    assert kind.first_names
    assert all(path.startswith("/") for path in kind.paths)


def test_the_folder_in_which_it_lies_is_told(tmp_path: Path) -> None:
    first = told(tmp_path, {f"17/docker/{path}": data for path, data in PG.items()})[0]

    assert (first.path, first.said) == ("17/docker", "PostgreSQL 15 in 17/docker")


def test_what_belongs_to_a_program_is_not_told_twice(tmp_path: Path) -> None:
    found = told(
        tmp_path, {"gitea/gitea.db": SQLITE, "gitea/conf/app.ini": b"x", "git/repositories/a.git/HEAD": b"x", "git/repositories/a.git/objects/": b""}
    )

    assert [content.id for content in found] == ["gitea"]


def test_several_things_in_one_store_are_all_told(tmp_path: Path) -> None:
    found = told(tmp_path, {"db/notes.db": SQLITE, "site/index.html": b"x", "pg/PG_VERSION": b"16", "pg/global/a": b"", "pg/base/b": b""})

    assert [(content.id, content.path) for content in found] == [("postgresql", "pg"), ("sqlite", "db/notes.db"), ("website", "site")]


def test_a_name_alone_is_no_database(tmp_path: Path) -> None:
    found = told(tmp_path, {"my.db": b"not a database at all", "PG_VERSION": b"15", "dump.rdb": b"nor this"})

    assert [content.id for content in found] == ["files"]


def test_nothing_in_it_is_empty_and_folders_are_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, {"a/b/": b""})[0].id == "empty"


def test_what_nothing_recognises_is_told_by_its_suffixes(tmp_path: Path) -> None:
    found = told(tmp_path, {f"{number}.jpg": b"x" for number in range(4)} | {"a.txt": b"x"})

    assert [(content.id, content.name) for content in found] == [("files", "files, mostly .jpg and .txt")]


def test_what_was_not_looked_at_is_unknown_not_empty() -> None:
    listing = Listing(unseen="the engine is far away")

    assert recognise(listing, lambda _path, _limit: None)[0].id == "unknown"


def test_where_files_cannot_be_read_a_telling_name_is_enough_and_another_is_not() -> None:
    listing = Listing()
    for name in ("dump.rdb", "my.db"):
        listing.add(name, "file", 10, 1)

    assert [content.id for content in recognise(listing, lambda _path, _limit: None)] == ["redis"]


def test_a_text_of_a_file_reaches_nobody_as_a_control_character(tmp_path: Path) -> None:
    first = told(tmp_path, PG | {"PG_VERSION": b"15\x1b]0;x\x07"})[0]

    assert first.version == "15]0;x"


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("var/log/nginx/error.log", False),
        ("run/nginx.pid", False),
        ("tmp/x", False),
        ("etc/hosts", False),
        ("root/.ash_history", False),
        ("var/lib/app/postmaster.pid", False),
        ("usr/lib/python3/__pycache__/a.cpython-311.pyc", False),
        ("app/data/notes.db", True),
        ("var/lib/postgresql/data/PG_VERSION", True),
        ("etc/nginx/nginx.conf", True),
        ("srv/logs-of-ships/a", True),
    ],
)
def test_logs_and_what_only_runs_are_no_data_of_a_layer(path: str, data: bool) -> None:
    assert (scratch(path) is None) is data


def test_a_listing_of_very_many_files_stays_bounded() -> None:
    listing = Listing()

    for number in range(300_000):
        listing.add(f"a/b/c/d/e{number // 1000}/{number}.bin", "file", 10, number)

    assert (listing.files, listing.size_bytes, listing.last_change_ns) == (300_000, 3_000_000, 299_999)
    assert listing.tree.cut
    assert listing.tree.names <= 60_000


def test_the_common_folder_of_a_layer_holds_all_its_data() -> None:
    listing = Listing(layer=True)
    for path in ("app/data/a/1", "app/data/b/2", "var/log/x.log"):
        listing.add(path, "file", 1, 1)

    assert listing.tree.common_folder() == "app/data"
    assert listing.left_out == 1
