"""run.py BINARY [DATABASE_URL]: how much memory and disk the service takes, as the tables of docs/operating.md.

The database must be an empty one of PostgreSQL; without it, the service has a SQLite file of its own. One update stores the
contacts, a second one makes them members of a list, a third one opts them in to three channels: the disk that each takes is what the
database grows by. Memory is that of the service's process above idle, while connections and uploads are open; for each row a
service starts again. CONTACT_LISTS_SIZES_CONTACTS is the number of contacts. It needs grpcio and grpcio-tools, and for PostgreSQL
psql.
"""

import contextlib
import glob
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "attacks"))
from service import Service, contacts, messages, services

channels, channel_services = grpc.protos_and_services("contactlists/v1/channel_service.proto")

CONTACTS = int(os.environ.get("CONTACT_LISTS_SIZES_CONTACTS", 1_000_000))
BATCH = 1000
CHANNELS = 3
CONNECTIONS, UPLOADS, UPLOAD_CONTACTS = 500, 60, 4000
MEGABYTE = 1_000_000
os.environ["PATH"] += "".join(f":{folder}" for folder in glob.glob("/usr/lib/postgresql/*/bin"))


def person(number):
    return contacts.Contact(
        phone=f"+49151{number:08}",
        external_id=f"crm-{number:08}",
        email=f"person{number}@example.com",
        name=f"Person Number {number}",
    )


def batches(count):
    for start in range(0, count, BATCH):
        batch = [person(number) for number in range(start, min(start + BATCH, count))]
        yield messages.UpdateContactListContactsRequest(contacts=batch)


def header(list_id, action, opt_in):
    fields = messages.UpdateContactListContactsHeader(contact_list_id=list_id, action=action, opt_in_to_all_channels=opt_in)
    return messages.UpdateContactListContactsRequest(header=fields)


class Database:
    """Where the service stores, and how much of the disk that takes."""

    def __init__(self, folder, url):
        self.file = None if url else f"{folder}/contact-lists.db"
        self.url = url or f"sqlite://{self.file}"

    def psql(self, sql):
        command = ["psql", "--no-align", "--tuples-only", f"--command={sql}", self.url]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def size(self):
        if self.file is None:
            self.psql("CHECKPOINT")
            return int(self.psql("SELECT pg_database_size(current_database())"))
        # What is in the write-ahead log is copied to the file within seconds.
        size, before = pathlib.Path(self.file).stat().st_size, None
        while size != before:
            time.sleep(5)
            before, size = size, pathlib.Path(self.file).stat().st_size
        return size

    def connections(self):
        sql = "SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()"
        return self.psql(sql) if self.file is None else "-"


def disk(binary, database):
    service = Service(binary, database.url, ["--max-contacts", str(CONTACTS)])
    stub = channel_services.ChannelServiceStub(grpc.insecure_channel(service.address))
    # The example has one channel.
    for number in range(CHANNELS - 1):
        request = channels.CreateChannelRequest(name=f"Channel {number}", type="TYPE_PHONE", phone=f"+1202555011{number}")
        stub.CreateChannel(request, metadata=service.metadata)
    before = database.size()
    for what, action, opt_in in [
        ("contacts with external_id, email and name", "ACTION_REMOVE", False),
        ("as members of a list", "ACTION_ADD", False),
        (f"opted in to {CHANNELS} channels", "ACTION_ADD", True),
    ]:
        start = time.monotonic()

        def stream():
            yield header(service.list, action, opt_in)
            yield from batches(CONTACTS)

        service.stub.UpdateContactListContacts(stream(), metadata=service.metadata)
        seconds, after = time.monotonic() - start, database.size()
        per_million = (after - before) / CONTACTS
        print(f"| {CONTACTS:,} {what} | {per_million:.0f} MB per million | {seconds:.0f} s |", flush=True)
        before = after
    print(f"| memory of the service after it | {service.memory() / MEGABYTE:.0f} MB | |")
    print(f"| connections to PostgreSQL | {database.connections()} | |", flush=True)
    service.stop()


def open_connections(service):
    opened = []
    for _ in range(CONNECTIONS):
        channel = grpc.insecure_channel(service.address, [("grpc.use_local_subchannel_pool", 1)])
        request = messages.GetContactListRequest(id=service.list)
        services.ContactListServiceStub(channel).GetContactList(request, metadata=service.metadata)
        opened.append(channel)

    def close():
        for channel in opened:
            channel.close()

    return close, CONNECTIONS, "idle connection"


def open_uploads(service, count):
    """Uploads that have sent so many contacts and wait."""
    arrived, end = threading.Barrier(UPLOADS + 1), threading.Event()

    def stream():
        yield header(service.list, "ACTION_ADD", False)
        yield from batches(count)
        arrived.wait()
        end.wait()

    calls = [service.stub.UpdateContactListContacts.future(stream(), metadata=service.metadata) for _ in range(UPLOADS)]
    arrived.wait()
    time.sleep(3)
    return lambda: end.set() or calls.clear(), UPLOADS, f"upload with {count:,} contacts that have arrived" if count else "call that waits for its messages"


def memory(binary):
    for hold in (open_connections, lambda it: open_uploads(it, 0), lambda it: open_uploads(it, UPLOAD_CONTACTS)):
        service = Service(binary)
        time.sleep(1)
        idle = service.memory()
        close, count, what = hold(service)
        above = service.memory() - idle
        print(f"| a server, idle: {idle / MEGABYTE:.0f} MB; each {what} | {above / count / 1000:.0f} kB |", flush=True)
        close()
        service.stop()


def main(binary, url=None):
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(KeyboardInterrupt):
        disk(binary, Database(folder, url))
    if not url:
        memory(binary)


main(*sys.argv[1:])
