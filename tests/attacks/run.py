"""run.py BINARY: attacks a service of its own, and prints a table of what each attack came to.

A row an attack: what was sent, the service's peak memory above idle, the slowest hundredth of another key's calls meanwhile,
and what the attacker got. Fails if an attack takes more than 256 MiB or makes others wait for a second. It needs grpcio,
grpcio-tools and hpack. CONTACT_LISTS_ATTACK_CONTACTS sets how many contacts are searched.
"""

import collections
import gzip
import os
import resource
import struct
import sys
import threading
import time

import grpc

from attacked import Attacked, long_contacts, named_contacts
from http2 import Connection, frame, message, DATA, PING, RST_STREAM, WINDOW_UPDATE
from service import contacts, messages, services

contact_messages = grpc.protos("contactlists/v1/contact_service.proto")

MIB = 1024 * 1024
# A binary that is not optimized needs more time.
MAX_P99 = float(os.environ.get("CONTACT_LISTS_ATTACK_P99_SECONDS", 1))
# Such a binary unpacks and decodes so slowly that a call of others can wait in vain for a connection to the database.
MAX_FAILED = 0 if MAX_P99 <= 1 else 10
# And what its calls keep is larger.
MAX_MEMORY = (256 if MAX_P99 <= 1 else 384) * MIB
IDLE_SECONDS = 5
SEARCHED_CONTACTS = int(os.environ.get("CONTACT_LISTS_ATTACK_CONTACTS", 50_000))
UPDATE, LIST_CONTACTS, EXPORT = (
    f"ContactListService/{name}"
    for name in ("UpdateContactListContacts", "ListContactListContacts", "ExportContactListContacts")
)
SEARCH, GET = "ContactService/ListContacts", "ContactService/GetContact"
HEALTH_CHECK = "/grpc.health.v1.Health/Check"


class Watch:
    """Measures memory and others' calls beside an attack."""

    def __init__(self, service):
        self.service, self.idle = service, service.memory()
        self.peak, self.waits, self.failed, self.running = self.idle, [], 0, True
        self.threads = [threading.Thread(target=work) for work in (self._memory, self._calls)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.running = False
        for thread in self.threads:
            thread.join()

    def _memory(self):
        while self.running:
            self.peak = max(self.peak, self.service.memory())
            time.sleep(0.02)

    def _calls(self):
        while self.running:
            try:
                self.waits.append(self.service.ask())
            except grpc.RpcError as error:
                self.failed += 1
                print(f"a call of others failed: {error.code()}: {error.details()}", file=sys.stderr)
            time.sleep(0.01)


def hold(connections, seconds=2 * IDLE_SECONDS + 8):
    """Waits until the service has closed the connections, or some seconds; says how many it has closed, and its responses."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not all([connection.is_closed() for connection in connections]):
        time.sleep(0.2)
    closed = sum(connection.is_closed() for connection in connections)
    for connection in connections:
        connection.close()
    return f"{closed} of {len(connections)} connections closed; {endings(connections)}"


def endings(connections):
    """What the calls on the connections ended with, as far as that was read."""
    counts = sum((connection.endings for connection in connections), collections.Counter())
    ended = ", ".join(f"{count} with {reason}" for reason, count in counts.most_common())
    return f"calls ended: {ended or 'none'}"


class Silent(Connection):
    def __init__(self, address):
        self.connect(address)


def silent_sockets(service):
    return hold([Silent(service.address) for _ in range(1024)])


def streams(count):
    return [2 * number + 1 for number in range(count)]


def no_bodies(service):
    connection = Connection(service.address)
    for stream in streams(64):
        connection.begin(stream, UPDATE, service.attackers_key)
    return hold([connection], IDLE_SECONDS + 3)


def announced(service):
    connection = Connection(service.address)
    for stream in streams(64):
        connection.begin(stream, UPDATE, service.attackers_key)
        connection.data(stream, message(bytes(4 * MIB))[:1000])
    return hold([connection], IDLE_SECONDS + 3)


def packed(service):
    bomb = message(gzip.compress(b"\x12\x00" * (2 * MIB - 8)), compressed=True)
    connection = Connection(service.address)
    for stream in streams(64):
        connection.begin(stream, UPDATE, service.attackers_key, "gzip")
        connection.data(stream, bomb, last=True)
    return hold([connection], IDLE_SECONDS + 3)


def small_frames(service, payload):
    def flood(connection, stream):
        connection.begin(stream, UPDATE, service.attackers_key)
        burst = frame(DATA, 0, stream, payload) * (64 * 1024 // len(payload))
        for _ in range(8):
            if not connection.send(burst):
                return

    connections = [Connection(service.address) for _ in range(8)]
    floods = [threading.Thread(target=flood, args=(each, stream)) for each in connections for stream in streams(8)]
    for thread in floods:
        thread.start()
    for thread in floods:
        thread.join()
    return hold(connections, IDLE_SECONDS + 3)


def frames_behind_the_budget(service):
    """Uses up the memory for large messages, and sends frames of a byte to calls that wait for their share of it."""
    window = 384 * 1024
    head = message(bytes(4 * MIB))[:5]
    burst = frame(DATA, 0, 1, b"\0") * (window - len(head))

    def flood(connection):
        connection.begin(1, UPDATE, service.attackers_key)
        connection.data(1, head)
        connection.send(burst)

    connections = [Connection(service.address) for _ in range(48)]
    floods = [threading.Thread(target=flood, args=(each,)) for each in connections]
    for thread in floods:
        thread.start()
    for thread in floods:
        thread.join()
    return hold(connections, IDLE_SECONDS + 3)


def slow_readers(service):
    """Exports whose readers take a hundred bytes a second."""
    connection = Connection(service.address, window=0)
    request = messages.ExportContactListContactsRequest(contact_list_id=service.list).SerializeToString()
    for stream in streams(64):
        connection.begin(stream, EXPORT, service.attackers_key)
        connection.data(stream, message(request), last=True)
    end, reset = time.monotonic() + 3 * IDLE_SECONDS, 0
    connection.socket.settimeout(1)
    while time.monotonic() < end and reset < 64:
        taken = b"".join(frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", 100)) for stream in streams(64))
        connection.send(taken)
        try:
            while True:
                reset += connection.read()[0] == RST_STREAM
        except TimeoutError:
            pass
    connection.close()
    return f"{reset} of 64 streams were reset"


def unread(service, method, calls, request):
    connections = []
    for _ in range(3):
        connection = Connection(service.address, window=0)
        for stream in streams(calls // 3):
            connection.begin(stream, method, service.attackers_key)
            connection.data(stream, message(request), last=True)
        connections.append(connection)
    return hold(connections)


def unread_lists(service):
    request = messages.ListContactListContactsRequest(contact_list_id=service.list, page_size=1000)
    return unread(service, LIST_CONTACTS, 720, request.SerializeToString())


def large_records(service):
    request = messages.ListContactListContactsRequest(
        contact_list_id=service.list_of_large, custom_object_id=service.custom_object, page_size=1000
    )
    return unread(service, LIST_CONTACTS, 63, request.SerializeToString())


def contacts_with_large_records(service):
    request = contact_messages.GetContactRequest(phone="+4915200000000")
    return unread(service, GET, 63, request.SerializeToString())


def unread_exports(service):
    request = messages.ExportContactListContactsRequest(contact_list_id=service.list)
    return unread(service, EXPORT, 192, request.SerializeToString())


def uploads(service):
    """Ordinary uploads that the service keeps until they end, which they do not."""
    request, done = messages.UpdateContactListContactsRequest, threading.Event()
    header = messages.UpdateContactListContactsHeader(contact_list_id=service.list, action="ACTION_ADD")
    address = contacts.Address(address_line_one="x" * 250, address_line_two="y" * 250, city="z" * 250, state="s" * 250)
    people = [contacts.Contact(phone=f"+49152{index:08}", name="n" * 250, address=address) for index in range(4000)]
    parts = [request(contacts=people[start : start + 40]) for start in range(0, len(people), 40)]
    taken = threading.Semaphore(0)

    def stream():
        yield request(header=header)
        yield from parts
        taken.release()
        done.wait()
        # A message that no stream may have: nothing of the upload is applied.
        yield request(header=header)

    channels = [grpc.insecure_channel(service.address, [("grpc.use_local_subchannel_pool", 1)]) for _ in range(8)]
    stubs = [services.ContactListServiceStub(channel) for channel in channels]
    metadata = [("authorization", f"Bearer {service.attackers_key}")]
    calls = [stubs[index % 8].UpdateContactListContacts.future(stream(), metadata=metadata) for index in range(64)]
    sent = sum(taken.acquire(timeout=60) for _ in calls)
    time.sleep(2)
    done.set()
    for channel in channels:
        channel.close()
    return f"{sent} of {len(calls)} uploads were taken, as they would be from anybody"


def checks_with_headers(service):
    more = [(f"x-header-{index}", "x" * 100) for index in range(95)]
    connections = [Connection(service.address) for _ in range(100)]
    for connection in connections:
        for stream in streams(64):
            connection.begin(stream, HEALTH_CHECK, more=more)
    return hold(connections, 3)


def checks_with_bodies(service):
    connections = [Connection(service.address) for _ in range(4)]
    for connection in connections:
        for stream in streams(64):
            connection.begin(stream, HEALTH_CHECK)
            connection.data(stream, message(bytes(4 * MIB))[: 256 * 1024])
    return hold(connections, 3)


def unknown_keys(service):
    key = service.attackers_key[:-8] + "00000000"
    connections = [Connection(service.address) for _ in range(16)]
    for start in range(10):
        for connection in connections:
            for stream in streams(64):
                connection.begin(start * 128 + stream, LIST_CONTACTS, key)
    return hold(connections, 3)


def searches(service):
    """Searches again and again, each as soon as those before it have ended."""
    prefixes = ["p", "person 1", f"person {SEARCHED_CONTACTS - 1}", "nobody"]
    connections = [Connection(service.address) for _ in prefixes]
    for connection in connections:
        connection.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 2**30)))
    end, first = time.monotonic() + 10, 1
    while time.monotonic() < end:
        for connection, prefix in zip(connections, prefixes):
            request = contact_messages.ListContactsRequest(name_prefix=prefix, page_size=1).SerializeToString()
            for stream in range(first, first + 32, 2):
                connection.begin(stream, SEARCH, service.attackers_key)
                connection.data(stream, message(request), last=True)
        first += 32
        for connection in connections:
            while connection.endings.total() < first // 2:
                kind, flags, _, payload = connection.read()
                if kind == PING and not flags:
                    connection.send(frame(PING, 1, 0, payload))
    for connection in connections:
        connection.close()
    return endings(connections)


ATTACKS = [
    ("1,024 connections that send nothing", silent_sockets),
    ("64 calls without a body", no_bodies),
    ("64 calls that announce 4 MiB and send 1 kB", announced),
    ("64 calls with 4 kB of gzip that unpack to 2 million empty contacts", packed),
    ("64 calls on 8 connections, 0.5 MiB each in frames of 30 bytes", lambda service: small_frames(service, bytes(30))),
    ("64 calls on 8 connections, 0.5 MiB each in frames of 1 byte", lambda service: small_frames(service, b"\0")),
    ("frames of 1 byte on 48 connections, behind the heads of messages of 4 MiB", frames_behind_the_budget),
    ("64 exports whose readers take 100 bytes a second", slow_readers),
    ("720 pages of 1,000 contacts, asked for and not read", unread_lists),
    ("63 pages of records of 13 MB of an earlier version, asked for and not read", large_records),
    ("63 contacts with such records, asked for and not read", contacts_with_large_records),
    ("192 exports, asked for and not read", unread_exports),
    ("64 uploads of 5 MB that don't end", uploads),
    (f"64 searches at once by `name_prefix`, again and again, in {SEARCHED_CONTACTS:,} contacts", searches),
    ("without a key: 6,400 health checks with 11 kB of headers and no body", checks_with_headers),
    ("without a key: 256 health checks that announce 4 MiB and send 256 KiB", checks_with_bodies),
    ("10,240 calls with an unknown key, 1,024 at once", unknown_keys),
]


def main(binary):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    flags = ["--stream-idle-seconds", str(IDLE_SECONDS), "--max-contacts", "1000000"]
    service, bad = Attacked(os.path.abspath(binary), flags=flags), []
    try:
        service.fill(service.list, long_contacts(3000))
        service.fill(service.new_list("searched"), named_contacts(SEARCHED_CONTACTS))
        service.fill_with_large_records()
        print("| what was sent with one key | peak memory above idle | others' p99 | what the attacker got |")
        print("| --- | --- | --- | --- |")
        for name, attack in ATTACKS:
            time.sleep(1)
            with Watch(service) as watch:
                got = attack(service)
            memory = watch.peak - watch.idle
            p99 = sorted(watch.waits)[len(watch.waits) * 99 // 100] if watch.waits else float("inf")
            print(f"| {name} | {memory / MIB:.0f} MiB | {p99 * 1000:.0f} ms | {got} |", flush=True)
            if memory > MAX_MEMORY or p99 > MAX_P99 or watch.failed > MAX_FAILED:
                bad.append(f"{name}: {memory / MIB:.0f} MiB, {p99:.2f} s, {watch.failed} calls of others failed")
    finally:
        service.stop()
    for line in bad:
        print(line, file=sys.stderr)
    return 1 if bad else 0


sys.exit(main(sys.argv[1]))
