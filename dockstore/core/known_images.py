"""Well-known images: where each keeps its data, by version, with the page that says so.

Rule 1: what stands here is an assumption, and whoever uses it says so; what the image itself declares comes first.
Rule 2: a version that cannot be read off the tag counts as the newest, and that is said too.
Rule 3: *volumes* is what the image declares; None where that changed too often to be told without the image.
"""

from __future__ import annotations

from dockstore.core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A folder that holds data. *variable*, *flags*: what of the service's environment or command moves it."""

    path: str
    what: str
    variable: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownImage:
    """One image, or some versions of it."""

    kind: str
    names: tuple[str, ...]
    kept: tuple[Kept, ...] = ()
    volumes: tuple[str, ...] | None = ()
    since: int | None = None  # major versions
    before: int | None = None
    version: str = r"(?P<major>\d+)"  # where the tag says it
    programs: tuple[str, ...] = ()  # the server's own: a service that runs something else is no such server
    uid: int | None = None  # whom its folders belong to
    single_writer: bool = False  # two servers on one folder destroy it
    host_name: str | None = None  # what fixes the name under which it finds its data
    memory: bool = False  # keeps data in memory and saves now and then
    content: tuple[str, ...] = ()  # folders with the image's own content, which a volume freezes
    guard: str | None = None  # a mount here makes it refuse to start
    newest: int | None = None  # what a tag without a number means
    link: str = ""


_HUB = "https://hub.docker.com/_/"
_PG_NAMES = ("postgres", "postgis/postgis", "pgvector/pgvector", "timescale/timescaledb", "imresamu/postgis")
_PG_VERSION = r"(?:.*pg(?P<tagged>\d+)|(?P<major>\d+))"
_PG_PROGRAMS = ("postgres",)
_MYSQL_FLAGS = ("--datadir", "-h")

KNOWN: tuple[KnownImage, ...] = (
    KnownImage(
        kind="PostgreSQL",
        names=_PG_NAMES,
        before=18,
        version=_PG_VERSION,
        kept=(Kept(path="/var/lib/postgresql/data", what="the database", variable="PGDATA", flags=("-D",)),),
        volumes=("/var/lib/postgresql/data",),
        programs=_PG_PROGRAMS,
        uid=999,
        single_writer=True,
        link=f"{_HUB}postgres",
    ),
    KnownImage(
        kind="PostgreSQL",
        names=_PG_NAMES,
        since=18,
        version=_PG_VERSION,
        kept=(Kept(path="/var/lib/postgresql/{major}/docker", what="the database", variable="PGDATA", flags=("-D",)),),
        volumes=("/var/lib/postgresql",),
        programs=_PG_PROGRAMS,
        uid=999,
        single_writer=True,
        guard="/var/lib/postgresql/data",
        newest=18,
        link=f"{_HUB}postgres",
    ),
    KnownImage(
        kind="MySQL",
        names=("mysql", "mysql/mysql-server", "percona", "percona/percona-server"),
        kept=(Kept(path="/var/lib/mysql", what="the databases", flags=_MYSQL_FLAGS[:1]),),
        volumes=("/var/lib/mysql",),
        programs=("mysqld",),
        uid=999,
        single_writer=True,
        link=f"{_HUB}mysql",
    ),
    KnownImage(
        kind="MariaDB",
        names=("mariadb",),
        kept=(Kept(path="/var/lib/mysql", what="the databases", flags=_MYSQL_FLAGS[:1]),),
        volumes=("/var/lib/mysql",),
        programs=("mariadbd", "mysqld"),
        uid=999,
        single_writer=True,
        link=f"{_HUB}mariadb",
    ),
    KnownImage(
        kind="Redis",
        names=("redis", "redis/redis-stack-server", "redis/redis-stack"),
        kept=(Kept(path="/data", what="its dump and append-only files", flags=("--dir",)),),
        volumes=("/data",),
        programs=("redis-server",),
        uid=999,
        single_writer=True,
        memory=True,
        link=f"{_HUB}redis",
    ),
    KnownImage(
        kind="Valkey",
        names=("valkey/valkey",),
        kept=(Kept(path="/data", what="its dump and append-only files", flags=("--dir",)),),
        volumes=("/data",),
        programs=("valkey-server",),
        uid=999,
        single_writer=True,
        memory=True,
        link="https://hub.docker.com/r/valkey/valkey",
    ),
    KnownImage(
        kind="MongoDB",
        names=("mongo", "mongodb/mongodb-community-server", "percona/percona-server-mongodb"),
        kept=(Kept(path="/data/db", what="the databases", flags=("--dbpath",)),),
        volumes=("/data/configdb", "/data/db"),
        programs=("mongod",),
        uid=999,
        single_writer=True,
        link=f"{_HUB}mongo",
    ),
    KnownImage(
        kind="RabbitMQ",
        names=("rabbitmq",),
        kept=(Kept(path="/var/lib/rabbitmq", what="queues, users and definitions"),),
        volumes=("/var/lib/rabbitmq",),
        programs=("rabbitmq-server",),
        uid=999,
        single_writer=True,
        host_name="RABBITMQ_NODENAME",
        link=f"{_HUB}rabbitmq",
    ),
    KnownImage(
        kind="Elasticsearch",
        names=("elasticsearch", "elasticsearch/elasticsearch"),
        kept=(Kept(path="/usr/share/elasticsearch/data", what="the indices", variable="path.data"),),
        volumes=(),
        uid=1000,
        single_writer=True,
        link="https://www.elastic.co/guide/en/elasticsearch/reference/current/docker.html",
    ),
    KnownImage(
        kind="OpenSearch",
        names=("opensearchproject/opensearch",),
        kept=(Kept(path="/usr/share/opensearch/data", what="the indices", variable="path.data"),),
        volumes=(),
        uid=1000,
        single_writer=True,
        link="https://hub.docker.com/r/opensearchproject/opensearch",
    ),
    KnownImage(
        kind="Grafana",
        names=("grafana/grafana", "grafana/grafana-oss", "grafana/grafana-enterprise"),
        kept=(Kept(path="/var/lib/grafana", what="dashboards, users and plugins", variable="GF_PATHS_DATA"),),
        volumes=(),
        uid=472,
        link="https://grafana.com/docs/grafana/latest/setup-grafana/installation/docker/",
    ),
    KnownImage(
        kind="Prometheus",
        names=("prom/prometheus",),
        kept=(Kept(path="/prometheus", what="the time series", flags=("--storage.tsdb.path",)),),
        volumes=("/prometheus",),
        uid=65534,
        single_writer=True,
        link="https://hub.docker.com/r/prom/prometheus",
    ),
    KnownImage(
        kind="Jenkins",
        names=("jenkins/jenkins", "jenkins"),
        kept=(Kept(path="/var/jenkins_home", what="jobs, builds and settings", variable="JENKINS_HOME"),),
        volumes=("/var/jenkins_home",),
        uid=1000,
        single_writer=True,
        link="https://github.com/jenkinsci/docker/blob/master/README.md",
    ),
    KnownImage(
        kind="Gitea",
        names=("gitea/gitea",),
        kept=(Kept(path="/data", what="repositories and settings"),),
        volumes=("/data",),
        link="https://docs.gitea.com/installation/install-with-docker",
    ),
    KnownImage(
        kind="Nextcloud",
        names=("nextcloud",),
        kept=(Kept(path="/var/www/html", what="the installation, its configuration and the users' files"),),
        volumes=("/var/www/html",),
        uid=33,
        link=f"{_HUB}nextcloud",
    ),
    KnownImage(
        kind="WordPress",
        names=("wordpress",),
        kept=(Kept(path="/var/www/html", what="the installation, plugins and uploads"),),
        volumes=("/var/www/html",),
        uid=33,
        link=f"{_HUB}wordpress",
    ),
    KnownImage(
        kind="MinIO",
        names=("minio/minio",),
        kept=(Kept(path="/data", what="the objects", flags=("server",)),),
        volumes=None,
        link="https://hub.docker.com/r/minio/minio",
    ),
    KnownImage(
        kind="InfluxDB",
        names=("influxdb",),
        before=2,
        kept=(Kept(path="/var/lib/influxdb", what="the series"),),
        volumes=("/var/lib/influxdb",),
        single_writer=True,
        link=f"{_HUB}influxdb",
    ),
    KnownImage(
        kind="InfluxDB",
        names=("influxdb",),
        since=2,
        kept=(Kept(path="/var/lib/influxdb2", what="the series"),),
        volumes=("/etc/influxdb2", "/var/lib/influxdb2"),
        single_writer=True,
        link=f"{_HUB}influxdb",
    ),
    KnownImage(
        kind="SonarQube",
        names=("sonarqube",),
        kept=(
            Kept(path="/opt/sonarqube/data", what="the search index and the embedded database"),
            Kept(path="/opt/sonarqube/extensions", what="plugins"),
        ),
        volumes=None,
        uid=1000,
        link=f"{_HUB}sonarqube",
    ),
    KnownImage(
        kind="Ghost",
        names=("ghost",),
        kept=(Kept(path="/var/lib/ghost/content", what="images, themes and the SQLite database"),),
        volumes=("/var/lib/ghost/content",),
        uid=1000,
        link=f"{_HUB}ghost",
    ),
    KnownImage(
        kind="n8n",
        names=("n8nio/n8n", "n8n-io/n8n"),
        kept=(Kept(path="/home/node/.n8n", what="the encryption key, workflows and the SQLite database"),),
        volumes=(),
        uid=1000,
        link="https://docs.n8n.io/hosting/installation/docker/",
    ),
    KnownImage(
        kind="Mattermost",
        names=("mattermost/mattermost-team-edition", "mattermost/mattermost-enterprise-edition"),
        kept=(Kept(path="/mattermost/data", what="the files"), Kept(path="/mattermost/config", what="the settings")),
        volumes=None,
        uid=2000,
        link="https://docs.mattermost.com/install/install-docker.html",
    ),
    KnownImage(
        kind="Vaultwarden",
        names=("vaultwarden/server", "dani-garcia/vaultwarden"),
        kept=(Kept(path="/data", what="the vault", variable="DATA_FOLDER"),),
        volumes=("/data",),
        single_writer=True,
        link="https://github.com/dani-garcia/vaultwarden",
    ),
    KnownImage(
        kind="Portainer",
        names=("portainer/portainer-ce", "portainer/portainer-ee"),
        kept=(Kept(path="/data", what="users and settings", flags=("--data",)),),
        volumes=("/data",),
        single_writer=True,
        link="https://docs.portainer.io/start/install-ce/server/docker/linux",
    ),
    KnownImage(
        kind="Uptime Kuma",
        names=("louislam/uptime-kuma",),
        kept=(Kept(path="/app/data", what="monitors and their history"),),
        volumes=None,
        link="https://github.com/louislam/uptime-kuma",
    ),
    KnownImage(
        kind="CouchDB",
        names=("couchdb", "apache/couchdb"),
        kept=(Kept(path="/opt/couchdb/data", what="the databases"),),
        volumes=("/opt/couchdb/data",),
        single_writer=True,
        link=f"{_HUB}couchdb",
    ),
    KnownImage(
        kind="Cassandra",
        names=("cassandra",),
        kept=(Kept(path="/var/lib/cassandra", what="the keyspaces"),),
        volumes=("/var/lib/cassandra",),
        uid=999,
        single_writer=True,
        link=f"{_HUB}cassandra",
    ),
    KnownImage(
        kind="ClickHouse",
        names=("clickhouse/clickhouse-server", "clickhouse"),
        kept=(Kept(path="/var/lib/clickhouse", what="the tables"),),
        volumes=("/var/lib/clickhouse",),
        uid=101,
        single_writer=True,
        link="https://hub.docker.com/r/clickhouse/clickhouse-server",
    ),
    KnownImage(
        kind="Neo4j",
        names=("neo4j",),
        kept=(Kept(path="/data", what="the graphs"),),
        volumes=("/data", "/logs"),
        uid=7474,
        single_writer=True,
        link=f"{_HUB}neo4j",
    ),
    KnownImage(
        kind="ZooKeeper",
        names=("zookeeper",),
        kept=(Kept(path="/data", what="snapshots"), Kept(path="/datalog", what="the transaction log")),
        volumes=("/data", "/datalog", "/logs"),
        uid=1000,
        single_writer=True,
        link=f"{_HUB}zookeeper",
    ),
    KnownImage(
        kind="a registry",
        names=("registry", "distribution/distribution"),
        kept=(Kept(path="/var/lib/registry", what="the images", variable="REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"),),
        volumes=("/var/lib/registry",),
        link=f"{_HUB}registry",
    ),
    KnownImage(
        kind="Nexus",
        names=("sonatype/nexus3",),
        kept=(Kept(path="/nexus-data", what="repositories and settings"),),
        volumes=("/nexus-data",),
        uid=200,
        single_writer=True,
        link="https://github.com/sonatype/docker-nexus3",
    ),
    KnownImage(
        kind="GitLab",
        names=("gitlab/gitlab-ce", "gitlab/gitlab-ee"),
        kept=(Kept(path="/var/opt/gitlab", what="repositories and databases"), Kept(path="/etc/gitlab", what="settings and secrets")),
        volumes=("/etc/gitlab", "/var/log/gitlab", "/var/opt/gitlab"),
        single_writer=True,
        link="https://docs.gitlab.com/install/docker/",
    ),
    KnownImage(
        kind="Mosquitto",
        names=("eclipse-mosquitto",),
        kept=(Kept(path="/mosquitto/data", what="retained messages"),),
        volumes=("/mosquitto/data", "/mosquitto/log"),
        uid=1883,
        link=f"{_HUB}eclipse-mosquitto",
    ),
    KnownImage(
        kind="SQL Server",
        names=("mssql/server",),
        kept=(Kept(path="/var/opt/mssql", what="the databases"),),
        volumes=(),
        uid=10001,
        single_writer=True,
        link="https://learn.microsoft.com/sql/linux/sql-server-linux-docker-container-configure",
    ),
    KnownImage(
        kind="Caddy",
        names=("caddy",),
        kept=(Kept(path="/data", what="certificates and keys", variable="XDG_DATA_HOME"),),
        volumes=None,
        content=("/usr/share/caddy",),
        link=f"{_HUB}caddy",
    ),
    KnownImage(
        kind="nginx",
        names=("nginx", "nginxinc/nginx-unprivileged"),
        programs=("nginx",),
        content=("/usr/share/nginx/html", "/etc/nginx", "/etc/nginx/conf.d"),
        link=f"{_HUB}nginx",
    ),
    KnownImage(
        kind="Apache httpd",
        names=("httpd",),
        programs=("httpd-foreground",),
        content=("/usr/local/apache2/htdocs", "/usr/local/apache2/conf"),
        link=f"{_HUB}httpd",
    ),
    KnownImage(kind="HAProxy", names=("haproxy",), content=("/usr/local/etc/haproxy",), link=f"{_HUB}haproxy"),
    KnownImage(kind="Memcached", names=("memcached",), programs=("memcached",), link=f"{_HUB}memcached"),
    KnownImage(kind="Adminer", names=("adminer",), link=f"{_HUB}adminer"),
    KnownImage(kind="phpMyAdmin", names=("phpmyadmin", "phpmyadmin/phpmyadmin"), link=f"{_HUB}phpmyadmin"),
    KnownImage(kind="mongo-express", names=("mongo-express",), link=f"{_HUB}mongo-express"),
)
"""First match wins."""
