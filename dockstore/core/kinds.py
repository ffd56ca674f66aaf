# ruff: noqa: E501  # a row of the table is a line
r"""What data look like: one table of kinds, each known by what lies in its folder.

Rule 1: a row is data: signs in, a name out. A new kind is a new row and a line in its test.
Rule 2: the order is the order of asking: a program that keeps its data in another's format (Grafana in SQLite) stands above that format.
Rule 3: a kind is claimed from content, never from a volume's name; what its files do not say of the version is None.

A sign is a path below the folder: `PG_VERSION` something of that name, `base/` a folder, `*.ibd` a pattern for one name, `a/b` deeper;
a Bytes is a file that begins with them (at an offset). All of `signs` are there, one of `one_of`, none of `none_of`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Bytes:
    """A file that matches *path* and has *magic* at *offset*. *name_tells*: where it cannot be read, its name is sign enough."""

    path: str
    magic: bytes
    offset: int | None = 0  # None: anywhere in its first bytes
    name_tells: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """Where a file says something: the first group of *pattern* in its first bytes, or what a function makes of them."""

    path: str
    pattern: str | Callable[[bytes], str | None] = r"\A\s*(\S+)"
    shown: str = "{}"


@dataclass(frozen=True, slots=True)
class Named:
    """What the names of all that matches *path* say: the first group of *pattern*; *shown* without {} is what their being there says."""

    path: str
    pattern: str
    shown: str = "{}"


Sign = str | Bytes
Source = Said | Named


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of data."""

    id: str
    name: str
    signs: tuple[Sign, ...] = ()
    one_of: tuple[Sign, ...] = ()
    none_of: tuple[str, ...] = ()
    version: tuple[Source, ...] = ()
    detail: tuple[Source, ...] = ()
    words: tuple[str, ...] = ()  # parts of the names of images that keep such data
    paths: tuple[str, ...] = ()  # where such images keep it, the usual place first
    env: tuple[str, ...] = ()  # variables by which such an image tells its version
    derived: bool = False  # can be made again from something else
    inner: bool = True  # everything below its folder belongs to it

    @property
    def first_names(self) -> tuple[str, ...]:
        """The names in the folder itself by which this kind announces itself: of the first sign, else of each of `one_of`."""
        heads = self.signs[:1] or self.one_of
        return tuple((sign.path if isinstance(sign, Bytes) else sign).partition("/")[0] for sign in heads)


def _sqlite_version(head: bytes) -> str | None:
    number = int.from_bytes(head[96:100], "big") if len(head) >= 100 else 0
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}" if 3_000_000 <= number < 4_000_000 else None


_SQLITE: Final = b"SQLite format 3\x00"
_RDB_VERSION: Final = Said("dump.rdb", r"(?:redis|valkey)-ver.([0-9][0-9.]*)")

KINDS: Final[tuple[Kind, ...]] = (
    # --- databases
    Kind(
        id="postgresql", name="PostgreSQL", signs=("PG_VERSION", "global/", "base/"), version=(Said("PG_VERSION"),),
        words=("postgres", "postgis", "timescale", "pgvector", "pgautoupgrade", "spilo"),
        paths=("/var/lib/postgresql/data", "/var/lib/postgresql", "/bitnami/postgresql"), env=("PG_MAJOR",),
    ),
    Kind(
        id="mariadb", name="MariaDB", signs=("aria_log_control", "ibdata1"),
        version=(Said("mariadb_upgrade_info", r"\A([0-9][0-9.]*)"), Said("mysql_upgrade_info", r"\A([0-9][0-9.]*)")),
        words=("mariadb", "mysql"), paths=("/var/lib/mysql", "/bitnami/mariadb"), env=("MARIADB_VERSION",),
    ),
    Kind(
        id="mysql", name="MySQL", signs=("ibdata1",), one_of=("auto.cnf", "mysql.ibd", "mysql/"), none_of=("aria_log_control",),
        version=(
            Said("mysql_upgrade_history", r'"version":\s*"([0-9][0-9.]*)'), Said("mysql_upgrade_info", r"\A([0-9][0-9.]*)"),
            Named("mysql.ibd", r"(.*)", "8 or later"), Named("ib_logfile0", r"(.*)", "5.7 or earlier"),
        ),
        words=("mysql", "percona"), paths=("/var/lib/mysql", "/bitnami/mysql"), env=("MYSQL_VERSION", "MYSQL_MAJOR"),
    ),
    Kind(
        id="mongodb", name="MongoDB", signs=("WiredTiger", "storage.bson"), version=(Said("WiredTiger", r"WiredTiger ([0-9][0-9.]*)", "WiredTiger {}"),),
        words=("mongo",), paths=("/data/db", "/bitnami/mongodb"), env=("MONGO_MAJOR",),
    ),
    Kind(id="mongodb", name="MongoDB", signs=("mongod.lock",), version=(Said("WiredTiger", r"WiredTiger ([0-9][0-9.]*)", "WiredTiger {}"),), words=("mongo",), paths=("/data/db",)),
    Kind(
        id="redis", name="Redis", signs=(Bytes("dump.rdb", b"REDIS", name_tells=True),), version=(_RDB_VERSION,),
        detail=(Named("appendonlydir/", r"(.*)", "dump and append-only file"), Named("appendonly.aof", r"(.*)", "dump and append-only file"), Named("dump.rdb", r"(.*)", "dump")),
        words=("redis", "valkey", "keydb", "dragonfly"), paths=("/data", "/bitnami/redis/data"), env=("REDIS_VERSION", "VALKEY_VERSION"), inner=False,
    ),
    Kind(
        id="redis", name="Redis", one_of=("appendonlydir/*.manifest", Bytes("appendonly.aof", b"", name_tells=True)),
        version=(Said("appendonlydir/*.base.rdb", r"(?:redis|valkey)-ver.([0-9][0-9.]*)"), Said("appendonly.aof", r"(?:redis|valkey)-ver.([0-9][0-9.]*)")),
        detail=(Named("*", r"(.*)", "append-only file"),), words=("redis", "valkey", "keydb"), paths=("/data",), env=("REDIS_VERSION", "VALKEY_VERSION"),
    ),
    Kind(
        id="rabbitmq", name="RabbitMQ", signs=("mnesia/*@*/",), detail=(Named("mnesia/*@*/", r"\A(.*?)(?:-plugins-expand)?\Z", "node {}"),),
        words=("rabbitmq",), paths=("/var/lib/rabbitmq",), env=("RABBITMQ_VERSION",),
    ),
    Kind(
        id="rabbitmq", name="RabbitMQ", signs=("rabbit*@*/",), one_of=("rabbit*@*/schema.DAT", "rabbit*@*/cluster_nodes.config", "rabbit*@*/coordination/", "rabbit*@*/quorum/"),
        detail=(Named("rabbit*@*/", r"\A(.*?)(?:-plugins-expand)?\Z", "node {}"),), words=("rabbitmq",), paths=("/var/lib/rabbitmq/mnesia",), env=("RABBITMQ_VERSION",),
    ),
    Kind(id="elasticsearch", name="Elasticsearch or OpenSearch", signs=("nodes/0/_state/",), version=(Named("nodes/", r"(.*)", "7 or earlier"),), words=("elasticsearch", "opensearch"), paths=("/usr/share/elasticsearch/data", "/usr/share/opensearch/data")),
    Kind(id="elasticsearch", name="Elasticsearch or OpenSearch", signs=("_state/", "node.lock"), version=(Named("_state/", r"(.*)", "8 or later"),), words=("elasticsearch", "opensearch"), paths=("/usr/share/elasticsearch/data",)),
    Kind(
        id="clickhouse", name="ClickHouse", signs=("metadata/", "store/"), one_of=("uuid", "status", "flags/", "preprocessed_configs/"),
        version=(Said("status", r"Revision:\s*([0-9]+)", "revision {}"),), words=("clickhouse",), paths=("/var/lib/clickhouse",),
    ),
    Kind(id="cassandra", name="Cassandra", signs=("commitlog/", "data/system/"), words=("cassandra", "scylla"), paths=("/var/lib/cassandra", "/var/lib/scylla")),
    Kind(id="couchdb", name="CouchDB", one_of=("_dbs.couch", "shards/*/*.couch", "shards/00000000-*/"), words=("couchdb",), paths=("/opt/couchdb/data",)),
    Kind(id="neo4j", name="Neo4j", signs=("databases/", "transactions/"), one_of=("dbms/", "server_id", "databases/store_lock", "databases/neo4j/"), words=("neo4j",), paths=("/data",)),
    Kind(id="influxdb", name="InfluxDB", signs=("influxd.bolt",), version=(Named("influxd.bolt", r"(.*)", "2"),), words=("influxdb",), paths=("/var/lib/influxdb2",)),
    Kind(id="influxdb", name="InfluxDB", signs=("meta/meta.db",), one_of=("data/", "wal/"), version=(Named("meta/", r"(.*)", "1"),), words=("influxdb",), paths=("/var/lib/influxdb",)),
    Kind(id="mssql", name="Microsoft SQL Server", one_of=("data/master.mdf", "master.mdf"), words=("mssql", "azure-sql"), paths=("/var/opt/mssql",)),
    Kind(id="kafka", name="Kafka", signs=("meta.properties",), one_of=("recovery-point-offset-checkpoint", "__cluster_metadata-0/", "replication-offset-checkpoint"), detail=(Said("meta.properties", r"cluster\.id=(\S+)", "cluster {}"),), words=("kafka", "redpanda"), paths=("/var/lib/kafka/data", "/bitnami/kafka")),
    Kind(id="zookeeper", name="ZooKeeper", signs=("version-2/",), one_of=("myid", "version-2/snapshot.*", "version-2/log.*"), words=("zookeeper",), paths=("/data", "/datalog")),
    Kind(id="etcd", name="etcd", one_of=("member/snap/", "default.etcd/member/"), words=("etcd",), paths=("/etcd-data", "/bitnami/etcd", "/var/lib/etcd")),
    Kind(id="consul", name="Consul", signs=("raft/",), one_of=("serf/", "checkpoint-signature"), words=("consul",), paths=("/consul/data",)),
    Kind(id="vault", name="HashiCorp Vault", signs=("vault.db", "raft/"), words=("vault",), paths=("/vault/file", "/vault/data")),
    Kind(id="nats", name="NATS JetStream", one_of=("jetstream/$G/", "jetstream/$SYS/"), words=("nats",), paths=("/data",)),
    Kind(id="qdrant", name="Qdrant", signs=("raft_state.json",), one_of=("collections/", "aliases/"), words=("qdrant",), paths=("/qdrant/storage",)),
    Kind(id="meilisearch", name="Meilisearch", one_of=("data.ms/VERSION", "data.ms/instance-uid"), version=(Said("data.ms/VERSION"),), words=("meilisearch",), paths=("/meili_data",)),
    Kind(id="solr", name="Solr", one_of=("solr.xml", "data/solr.xml"), words=("solr",), paths=("/var/solr",)),
    Kind(id="openldap", name="OpenLDAP or another LMDB store", signs=("data.mdb", "lock.mdb"), words=("ldap",), paths=("/var/lib/ldap", "/bitnami/openldap")),
    Kind(id="mosquitto", name="Mosquitto", signs=(Bytes("mosquitto.db", b"\x00\xb5\x00mosquitto db", name_tells=True),), words=("mosquitto",), paths=("/mosquitto/data",), inner=False),
    # --- programs that keep their data in their own way
    Kind(
        id="jenkins", name="Jenkins home", signs=("jobs/",), one_of=("hudson.model.UpdateCenter.xml", "jenkins.install.InstallUtil.lastExecVersion", "jenkins.model.JenkinsLocationConfiguration.xml", "secrets/master.key"),
        version=(Said("jenkins.install.InstallUtil.lastExecVersion"), Said("config.xml", r"<version>([^<]+)</version>")), words=("jenkins",), paths=("/var/jenkins_home",),
    ),
    Kind(id="grafana", name="Grafana", signs=(Bytes("grafana.db", b"SQLite", name_tells=True),), words=("grafana",), paths=("/var/lib/grafana",)),
    Kind(id="loki", name="Grafana Loki", one_of=("tsdb-shipper-active/", "boltdb-shipper-active/"), words=("loki",), paths=("/loki",)),
    Kind(id="prometheus", name="Prometheus", signs=("chunks_head/", "wal/"), words=("prometheus", "thanos"), paths=("/prometheus",)),
    Kind(id="nextcloud", name="Nextcloud", signs=("version.php", "config/", "apps/"), version=(Said("version.php", r"OC_VersionString\s*=\s*'([^']+)'"), Said("config/config.php", r"'version'\s*=>\s*'([^']+)'")), words=("nextcloud", "owncloud"), paths=("/var/www/html",)),
    Kind(id="nextcloud", name="Nextcloud, the users' files", one_of=(".ocdata", ".ncdata"), words=("nextcloud", "owncloud"), paths=("/var/www/html/data",)),
    Kind(id="nextcloud", name="Nextcloud, its configuration", signs=(Bytes("config.php", b"CONFIG", offset=None),), version=(Said("config.php", r"'version'\s*=>\s*'([^']+)'"),), words=("nextcloud",), paths=("/var/www/html/config",)),
    Kind(id="wordpress", name="WordPress", signs=("wp-includes/",), version=(Said("wp-includes/version.php", r"\$wp_version\s*=\s*'([^']+)'"),), words=("wordpress",), paths=("/var/www/html",)),
    Kind(id="wordpress", name="WordPress, its content", signs=("themes/", "plugins/"), one_of=("uploads/", "index.php", "upgrade/"), words=("wordpress",), paths=("/var/www/html/wp-content",)),
    Kind(id="wordpress", name="WordPress, its content", signs=("wp-content/",), words=("wordpress",), paths=("/var/www/html",)),
    Kind(id="gitea", name="Gitea or Forgejo", one_of=("gitea/conf/app.ini", "gitea/gitea.db", "conf/app.ini", "data/gitea.db"), words=("gitea", "forgejo"), paths=("/data", "/var/lib/gitea")),
    Kind(id="gitlab", name="GitLab", one_of=("git-data/repositories/", "gitlab-rails/", "gitlab-secrets.json"), words=("gitlab",), paths=("/var/opt/gitlab", "/etc/gitlab")),
    Kind(id="nexus", name="Nexus Repository", signs=("blobs/", "db/", "etc/"), words=("nexus",), paths=("/nexus-data",)),
    Kind(id="minio", name="MinIO", signs=(".minio.sys/",), version=(Said(".minio.sys/format.json", r'"version":"([^"]+)"', "format {}"),), words=("minio",), paths=("/data", "/export", "/bitnami/minio/data")),
    Kind(id="registry", name="Docker registry", one_of=("docker/registry/v2/", "registry/v2/repositories/"), words=("registry", "distribution"), paths=("/var/lib/registry",)),
    Kind(id="docker", name="data root of a nested Docker engine", signs=("image/", "volumes/", "containers/"), one_of=("overlay2/", "vfs/", "buildkit/"), words=("dind", "docker"), paths=("/var/lib/docker",)),
    Kind(id="portainer", name="Portainer", signs=("portainer.db",), words=("portainer",), paths=("/data",)),
    Kind(id="vaultwarden", name="Vaultwarden", signs=("db.sqlite3", "rsa_key.pem"), words=("vaultwarden", "bitwarden"), paths=("/data",)),
    Kind(id="home-assistant", name="Home Assistant", signs=(".HA_VERSION",), version=(Said(".HA_VERSION"),), words=("home-assistant", "homeassistant"), paths=("/config",)),
    Kind(id="uptime-kuma", name="Uptime Kuma", signs=("kuma.db",), words=("uptime-kuma",), paths=("/app/data",)),
    Kind(id="n8n", name="n8n", signs=("database.sqlite", "config"), words=("n8n",), paths=("/home/node/.n8n",)),
    Kind(id="ghost", name="Ghost", signs=("themes/", "images/", "data/"), words=("ghost",), paths=("/var/lib/ghost/content",)),
    Kind(id="syncthing", name="Syncthing", signs=("config.xml", "key.pem", "cert.pem"), words=("syncthing",), paths=("/var/syncthing/config",)),
    Kind(id="pihole", name="Pi-hole", one_of=("gravity.db", "pihole-FTL.db"), words=("pihole",), paths=("/etc/pihole",)),
    Kind(id="minecraft", name="Minecraft", one_of=("world/level.dat", "level.dat"), words=("minecraft",), paths=("/data",)),
    # --- things that can be made again
    Kind(id="node-modules", name="Node packages", one_of=(".package-lock.json", ".yarn-integrity", ".modules.yaml"), derived=True, paths=("/app/node_modules",)),
    Kind(id="python-env", name="Python environment", signs=("pyvenv.cfg",), derived=True),
    Kind(id="cache", name="cache", signs=(Bytes("CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55", name_tells=True),), derived=True),
    Kind(id="maven", name="Maven repository", one_of=("repository/org/apache/", "org/apache/maven/"), derived=True, paths=("/root/.m2",)),
    # --- formats
    Kind(id="git", name="Git repository", one_of=(".git/HEAD",), detail=(Said(".git/HEAD", r"ref: refs/heads/(\S+)", "on {}"),)),
    Kind(id="git", name="bare Git repository", signs=("HEAD", "objects/", "refs/"), detail=(Said("HEAD", r"ref: refs/heads/(\S+)", "on {}"),)),
    Kind(id="certificates", name="Let's Encrypt certificates", signs=("live/", "archive/"), one_of=("renewal/", "accounts/"), detail=(Named("live/*/", r"(.*)", "for {}"),), words=("certbot", "letsencrypt", "swag"), paths=("/etc/letsencrypt",)),
    Kind(id="certificates", name="certificates of Traefik", signs=("acme.json",), words=("traefik",), paths=("/letsencrypt", "/acme"), inner=False),
    Kind(id="certificates", name="certificates of Caddy", one_of=("caddy/certificates/", "caddy/pki/"), words=("caddy",), paths=("/data",)),
    Kind(id="mail", name="mail (Maildir)", signs=("cur/", "new/", "tmp/"), words=("dovecot", "mailserver", "mailu", "postfix"), paths=("/var/mail", "/var/vmail")),
    Kind(id="rocksdb", name="RocksDB", signs=("CURRENT", "MANIFEST-*", "OPTIONS-*"), version=(Said("OPTIONS-*", r"rocksdb_version=([0-9.]+)"),)),
    Kind(id="leveldb", name="LevelDB", signs=("CURRENT", "MANIFEST-*")),
    Kind(id="sqlite", name="SQLite", signs=(Bytes("*.db", _SQLITE),), version=(Said("*.db", _sqlite_version, "{}"),), inner=False),
    Kind(id="sqlite", name="SQLite", signs=(Bytes("*.sqlite*", _SQLITE, name_tells=True),), version=(Said("*.sqlite*", _sqlite_version),), inner=False),
    Kind(id="sqlite", name="SQLite", signs=(Bytes("*.db3", _SQLITE, name_tells=True),), version=(Said("*.db3", _sqlite_version),), inner=False),
    Kind(id="boltdb", name="bbolt", signs=(Bytes("*.db", b"\xed\xda\x0c\xed", offset=16),), inner=False),
    Kind(id="h2", name="H2 database", signs=(Bytes("*.mv.db", b"H:2", name_tells=True),), inner=False),
    Kind(id="postgresql-dump", name="PostgreSQL dump", one_of=(Bytes("*.dump", b"PGDMP"), Bytes("*.pgdump", b"PGDMP"), Bytes("*.backup", b"PGDMP")), inner=False),
    Kind(id="sql-dump", name="SQL dumps", one_of=("*.sql", "*.sql.gz", "*.sql.zst"), inner=False),
    Kind(id="website", name="website", one_of=("index.html", "index.htm", "index.php"), words=("nginx", "httpd", "apache", "caddy", "php"), paths=("/usr/share/nginx/html", "/usr/local/apache2/htdocs", "/var/www/html")),
    Kind(id="keys", name="certificates and keys", one_of=(Bytes("*.pem", b"-----BEGIN", name_tells=True), Bytes("*.key", b"-----BEGIN"), Bytes("*.crt", b"-----BEGIN")), inner=False),
    Kind(id="backups", name="archives", one_of=("*.tar", "*.tar.gz", "*.tgz", "*.tar.zst", "*.zip"), inner=False),
)  # fmt: skip
"""Every kind, in the order of asking."""


def matches(name: str, pattern: str) -> bool:
    """Whether one name fits one part of a sign."""
    if "*" not in pattern:
        return name == pattern
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), name, re.DOTALL) is not None
