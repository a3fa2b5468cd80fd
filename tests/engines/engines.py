"""The real things: PostgreSQL of several versions, pgbouncer, HAProxy, etcd and Patroni, each in a folder of its own."""

import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time

HOST = "127.0.0.1"
USER = "nobody"


def free_port():
    """A port below those that the system gives to outgoing connections."""
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
                return port
            except OSError:
                continue


def wait_for(what, is_true, seconds=60):
    for _ in range(seconds * 20):
        if is_true():
            return
        time.sleep(0.05)
    raise AssertionError(f"not in time: {what}")


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def start(command, folder, name, **options):
    """Starts a program as a user that owns nothing, and gives it the folder."""
    subprocess.run(["chown", "--recursive", USER, folder], check=True)
    with open(f"{folder}/{name}.log", "a") as log:
        return subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, user=USER, group=0, **options
        )


def end(process, how=signal.SIGTERM):
    if process and process.poll() is None:
        process.send_signal(how)
        process.wait(timeout=60)


class Postgres:
    """A server that is killed with all its processes, and started again."""

    def __init__(self, programs, folder, name="postgres", settings=()):
        self.programs, self.folder, self.name, self.port = programs, folder, name, free_port()
        self.data, self.settings, self.process = f"{folder}/{name}", settings, None

    def make(self):
        command = [f"{self.programs}/initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync"]
        assert start(command, self.folder, "initdb").wait() == 0
        return self

    def start(self):
        settings = ["fsync=on", f"unix_socket_directories={self.folder}", "max_connections=100", *self.settings]
        command = [f"{self.programs}/postgres", "-D", self.data, "-p", str(self.port)]
        command += [word for it in settings for word in ("-c", it)]
        self.process = start(command, self.folder, self.name, start_new_session=True)
        wait_for("PostgreSQL", lambda: self.ask("SELECT 1") == "1")
        return self

    def kill(self):
        """The postmaster first, so that it starts nothing again; its processes are in its session."""
        self.process.kill()
        pids = subprocess.run(["pgrep", "--session", str(self.process.pid)], capture_output=True, text=True).stdout
        for pid in pids.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()
        pathlib.Path(self.data, "postmaster.pid").unlink(missing_ok=True)
        # Nobody holds its shared memory any more.
        wait_for("the end of its processes", lambda: not pids_in(self.process.pid))

    def stop(self):
        end(self.process, signal.SIGINT)

    def url(self, port=None, **parameters):
        query = "&".join(f"{name}={value}" for name, value in {"sslmode": "disable", **parameters}.items())
        return f"postgres://postgres@{HOST}:{port or self.port}/postgres?{query}"

    def ask(self, sql, port=None):
        return ask(sql, port or self.port)


def pids_in(session):
    return subprocess.run(["pgrep", "--session", str(session)], capture_output=True, text=True).stdout.split()


def ask(sql, port):
    """What Debian's psql prints; nothing if there is no answer."""
    command = ["psql", "-h", HOST, "-p", str(port), "-U", "postgres", "-XAtqc", sql, "postgres"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.strip()


def standby_of(primary, settings):
    """A copy of a primary that follows it."""
    standby = Postgres(primary.programs, primary.folder, "standby", settings)
    base_backup = ["pg_basebackup", "-h", HOST, "-p", str(primary.port), "-U", "postgres", "-D", standby.data, "-R"]
    assert start(base_backup, primary.folder, "base_backup").wait() == 0
    return standby.start()


class Pgbouncer:
    """In front of a PostgreSQL. `root` is the folder of another Debian that has it, or empty."""

    def __init__(self, postgres, mode, folder, root="", settings=()):
        self.port = free_port()
        # In its own root it reads its own folders only.
        self.place = pathlib.Path(root or folder, "tmp" if root else "", f"pgbouncer-{self.port}")
        self.place.mkdir()
        inside = f"/tmp/{self.place.name}" if root else str(self.place)
        lines = [
            "[databases]",
            f"* = host={HOST} port={postgres.port}",
            "[pgbouncer]",
            f"listen_addr = {HOST}",
            f"listen_port = {self.port}",
            "unix_socket_dir =",
            "auth_type = any",
            f"pool_mode = {mode}",
            "default_pool_size = 20",
            "max_client_conn = 200",
            *settings,
        ]
        # With `auth_type = any` everybody is one user.
        lines[1] += " user=postgres"
        (self.place / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
        self.command = ["chroot", f"--userspec={USER}", root] if root else ["setpriv", f"--reuid={USER}", "--clear-groups"]
        self.command += ["/usr/sbin/pgbouncer", f"{inside}/pgbouncer.ini"]
        self.process = None

    def version(self):
        command = [*self.command[:-1], "--version"]
        return subprocess.run(command, capture_output=True, text=True).stdout.split()[1]

    def start(self):
        subprocess.run(["chown", "--recursive", USER, self.place], check=True)
        with open(self.place / "log", "a") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_for("pgbouncer", lambda: answers(self.port))
        return self

    def stop(self, how=signal.SIGINT):
        end(self.process, how)
        shutil.rmtree(self.place)

    def kill(self):
        end(self.process, signal.SIGKILL)


class Haproxy:
    """Leads to the first of the servers that pass a check."""

    def __init__(self, servers, check, folder):
        self.port, self.folder = free_port(), folder
        lines = [
            "defaults",
            "  mode tcp",
            "  timeout connect 2s",
            "  timeout client 1h",
            "  timeout server 1h",
            "listen postgres",
            f"  bind {HOST}:{self.port}",
            *check,
            "  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions",
            *(f"  server {name} {HOST}:{port} check {extra}" for name, port, extra in servers),
        ]
        self.config = pathlib.Path(folder, "haproxy.cfg")
        self.config.write_text("\n".join(lines) + "\n")

    def start(self):
        self.process = start(["/usr/sbin/haproxy", "-f", str(self.config)], self.folder, "haproxy")
        wait_for("HAProxy", lambda: answers(self.port))
        return self

    def stop(self):
        end(self.process)


class Etcd:
    def __init__(self, folder):
        self.port, peer = free_port(), free_port()
        client, peers = f"http://{HOST}:{self.port}", f"http://{HOST}:{peer}"
        command = ["/usr/bin/etcd", "--data-dir", f"{folder}/etcd", "--enable-v2=true", "--name", "one"]
        command += ["--listen-client-urls", client, "--advertise-client-urls", client]
        command += ["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers]
        command += ["--initial-cluster", f"one={peers}"]
        self.process = start(command, folder, "etcd")
        wait_for("etcd", lambda: answers(self.port))

    def stop(self):
        end(self.process)


class Patroni:
    """One node of a cluster."""

    def __init__(self, name, etcd, folder, programs, is_synchronous):
        self.name, self.folder, self.port, self.rest = name, folder, free_port(), free_port()
        users = {it: {"username": "postgres", "password": "secret"} for it in ("superuser", "replication", "rewind")}
        config = {
            "scope": "contacts",
            "name": name,
            "restapi": {"listen": f"{HOST}:{self.rest}", "connect_address": f"{HOST}:{self.rest}"},
            "etcd3": {"hosts": f"{HOST}:{etcd.port}"},
            "bootstrap": {
                "dcs": {
                    "ttl": 10,
                    "loop_wait": 1,
                    "retry_timeout": 3,
                    "synchronous_mode": is_synchronous,
                    "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 100}},
                },
                "initdb": [{"auth": "trust"}, {"encoding": "UTF8"}],
            },
            "postgresql": {
                "listen": f"{HOST}:{self.port}",
                "connect_address": f"{HOST}:{self.port}",
                "data_dir": f"{folder}/{name}",
                "bin_dir": programs,
                "authentication": users,
                "pgpass": f"{folder}/{name}.pgpass",
                "parameters": {"unix_socket_directories": folder, "wal_log_hints": "on"},
                "pg_hba": [f"host all all {HOST}/32 trust", f"host replication all {HOST}/32 trust", "local all all trust"],
            },
        }
        self.config = f"{folder}/{name}.json"
        pathlib.Path(self.config).write_text(json.dumps(config))

    def start(self):
        self.process = start(["/usr/bin/patroni", self.config], self.folder, f"{self.name}-patroni", start_new_session=True)
        return self

    def says(self, what):
        """Whether it is what is asked for: /primary, /synchronous or /asynchronous."""
        try:
            with socket.create_connection((HOST, self.rest), timeout=2) as connection:
                connection.sendall(f"GET {what} HTTP/1.0\r\n\r\n".encode())
                return b" 200 " in connection.recv(100)
        except OSError:
            return False

    def is_primary(self):
        return self.says("/primary")

    def kill(self):
        """Patroni and its PostgreSQL, all at once."""
        postmaster = int(pathlib.Path(self.folder, self.name, "postmaster.pid").read_text().split()[0])
        self.process.kill()
        for pid in [str(postmaster), *pids_of_parent(postmaster)]:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()

    def stop(self):
        end(self.process)


def pids_of_parent(pid):
    return subprocess.run(["pgrep", "--parent", str(pid)], capture_output=True, text=True).stdout.split()
