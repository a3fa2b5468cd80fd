"""run.py BINARY ENVOY DATABASE_URL: restarts and kills replicas while calls are made without pause.

Two replicas share the empty PostgreSQL database, behind an Envoy that checks their health and never sends a call again; nor
do the callers (grpcio). A round restarts both replicas, one after the other: no call may fail. Then it kills one with
SIGKILL: only calls that were sent to it may fail, and each must succeed when it is sent again, with its request_id. In the end
every update must have been applied once.

CONTACT_LISTS_ROLLS is the number of rounds, 1 by default. It needs grpcio and grpcio-tools.
"""

import collections
import contextlib
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import grpc

from envoy import HOST, Envoy, free_port

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "proto"))
messages, services = grpc.protos_and_services("contactlists/v1/contact_list_service.proto")
contacts = grpc.protos("contactlists/v1/contact.proto")
Request = messages.UpdateContactListContactsRequest

ROUNDS = int(os.environ.get("CONTACT_LISTS_ROLLS", 1))
UPLOADERS, READERS = 4, 2
# An upload of this many messages takes about a second.
UPLOAD_MESSAGES, MESSAGE_CONTACTS, MESSAGE_SECONDS = 10, 20, 0.1
# How long calls go on beside the restarts and the kill.
QUIET_SECONDS = 2
CHANNEL_OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]


class Replica:
    process = None

    def __init__(self, binary, url, folder):
        self.command = [binary, "--database-url", url, "--drain-seconds", "5", "--log-format", "json"]
        self.port = free_port()
        self.log = f"{folder}/{self.port}.log"

    @property
    def address(self):
        return f"{HOST}:{self.port}"

    def start(self):
        """Starts it, and returns what it printed: the last words of lines by the others."""
        command = [*self.command, "--listen", self.address]
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        printed = {}
        for line in self.process.stdout:
            words = line.split()
            printed[" ".join(words[:-1])] = words[-1] if words else ""
            if line.startswith("listening on"):
                return printed
        raise AssertionError(f"a replica does not start: {pathlib.Path(self.log).read_text()}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()


class Call:
    """A call that can be sent again as it was."""

    def __init__(self, kind, list_id, phones=(), request_id=None):
        self.id, self.kind, self.list_id, self.phones = str(uuid.uuid4()), kind, list_id, phones
        self.request_id = request_id or str(uuid.uuid4())

    def again(self):
        return Call(self.kind, self.list_id, self.phones, self.request_id)

    def send(self, stub, key):
        """Sends it, and remembers when it ended and with what error."""
        metadata = [("authorization", f"Bearer {key}"), ("x-call", self.id)]
        try:
            if self.kind == "read":
                stub.GetContactList(messages.GetContactListRequest(id=self.list_id), metadata=metadata, timeout=60)
            else:
                stub.UpdateContactListContacts(self.stream(), metadata=metadata, timeout=60)
            self.error = None
        except grpc.RpcError as error:
            self.error = f"{self.kind}: {error.code().name}: {error.details()}"
        self.end = time.monotonic()

    def stream(self):
        header = messages.UpdateContactListContactsHeader(
            contact_list_id=self.list_id, action="ACTION_ADD", request_id=self.request_id
        )
        yield Request(header=header)
        for start in range(0, len(self.phones), MESSAGE_CONTACTS):
            time.sleep(MESSAGE_SECONDS)
            batch = self.phones[start : start + MESSAGE_CONTACTS]
            yield Request(contacts=[contacts.Contact(phone=phone) for phone in batch])
        yield Request(footer=messages.UpdateContactListContactsFooter(contact_count=len(self.phones)))


class Callers:
    """Make calls without pause, each over a connection of its own, until they are told to stop."""

    # For phones: no number is sent twice.
    numbers = itertools.count(10_000_000)

    def __init__(self, address, key, lists):
        self.address, self.key, self.calls, self.stopped = address, key, [], threading.Event()
        work = [(self.upload, list_id) for list_id in lists] + [(self.read, lists[0])] * READERS
        self.threads = [threading.Thread(target=self.run, args=it, daemon=True) for it in work]
        for thread in self.threads:
            thread.start()

    def upload(self, list_id):
        numbers = itertools.islice(self.numbers, UPLOAD_MESSAGES * MESSAGE_CONTACTS)
        return Call("update", list_id, [f"+49151{number}" for number in numbers])

    def read(self, list_id):
        return Call("read", list_id)

    def run(self, new_call, list_id):
        stub = services.ContactListServiceStub(grpc.insecure_channel(self.address, CHANNEL_OPTIONS))
        while not self.stopped.is_set():
            call = new_call(list_id)
            call.send(stub, self.key)
            self.calls.append(call)
            if call.error:
                # Errors come at once, by the thousand.
                time.sleep(0.1)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        return self.calls


def send_again(failed, address, key):
    """Sends calls again, and returns the errors."""
    stub = services.ContactListServiceStub(grpc.insecure_channel(address, CHANNEL_OPTIONS))
    again = [call.again() for call in failed]
    for call in again:
        call.send(stub, key)
    return [call.error for call in again if call.error]


def stored(stub, key, list_id):
    """The request_ids of a list's recorded updates, and the phones of its members."""
    metadata = [("authorization", f"Bearer {key}")]
    ids, token = [], None
    while token != "":
        request = messages.ListContactListUpdatesRequest(contact_list_id=list_id, page_size=500, page_token=token or "")
        page = stub.ListContactListUpdates(request, metadata=metadata)
        ids += [update.request_id for update in page.contact_list_updates]
        token = page.next_page_token
    request = messages.ExportContactListContactsRequest(contact_list_id=list_id)
    pages = stub.ExportContactListContacts(request, metadata=metadata)
    phones = [member.contact.phone for page in pages for member in page.contact_list_contacts]
    return ids, phones


def run_round(number, replicas, envoy, key, lists):
    """Restarts both replicas and kills one. Returns whether all went as it must."""
    address = f"{HOST}:{envoy.port}"
    callers = Callers(address, key, lists)
    time.sleep(QUIET_SECONDS)
    for replica in replicas:
        replica.stop()
        replica.start()
        envoy.wait_until(replica.port, True)
    time.sleep(QUIET_SECONDS)
    killed, killed_at = replicas[0], time.monotonic()
    killed.kill()
    envoy.wait_until(killed.port, False)
    time.sleep(QUIET_SECONDS)
    calls = callers.stop()
    failed = [call for call in calls if call.error]
    errors_again = send_again(failed, address, key)
    killed.start()
    envoy.wait_until(killed.port, True)
    by_roll = [call for call in failed if call.end < killed_at]
    print(
        f"round {number}: {len(calls)} calls, of them {sum(call.kind == 'update' for call in calls)} updates; "
        f"failed in the roll {len(by_roll)}, by the kill {len(failed) - len(by_roll)}, when sent again {len(errors_again)}",
        flush=True,
    )
    for text, count in collections.Counter(call.error for call in by_roll).most_common(5):
        print(f"  in the roll {count} times: {text}")
    for text in errors_again[:5]:
        print(f"  when sent again: {text}")
    return calls, failed, not by_roll and not errors_again, killed.address


def check_stored(key, address, calls):
    """Counts the updates that were lost, and those that were applied more than once."""
    stub = services.ContactListServiceStub(grpc.insecure_channel(address))
    lost, doubled = 0, 0
    for list_id in {call.list_id for call in calls}:
        updates = [call for call in calls if call.kind == "update" and call.list_id == list_id]
        ids, phones = stored(stub, key, list_id)
        sent_ids, sent_phones = [call.request_id for call in updates], [it for call in updates for it in call.phones]
        lost += len(set(sent_ids) - set(ids)) + len(set(sent_phones) - set(phones))
        doubled += max(len(ids) - len(sent_ids), 0) + max(len(phones) - len(sent_phones), 0)
    print(f"updates lost {lost}, doubled {doubled}")
    return lost == 0 and doubled == 0


def create_lists(key, address):
    stub = services.ContactListServiceStub(grpc.insecure_channel(address))
    for number in range(UPLOADERS):
        request = messages.CreateContactListRequest(name=f"Rolling {number}")
        yield stub.CreateContactList(request, metadata=[("authorization", f"Bearer {key}")]).contact_list.id


def run(replicas, envoy, key):
    lists = list(create_lists(key, replicas[0].address))
    for replica in replicas:
        envoy.wait_until(replica.port, True)
    rounds = [run_round(number, replicas, envoy, key, lists) for number in range(1, ROUNDS + 1)]
    calls = [call for calls, *_ in rounds for call in calls]
    is_good = check_stored(key, replicas[0].address, calls)
    places = envoy.stop()
    elsewhere = [call for _, failed, _, killed in rounds for call in failed if places.get(call.id) != killed]
    print(f"failed calls that were not sent to the killed replica {len(elsewhere)}")
    return is_good and not elsewhere and all(was_good for _, _, was_good, _ in rounds)


def main(binary, envoy_binary, url):
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        replicas = [Replica(binary, url, folder) for _ in range(2)]
        for replica in replicas:
            running.callback(replica.kill)
        key = replicas[0].start()["API key"]
        replicas[1].start()
        envoy = Envoy(envoy_binary, [replica.port for replica in replicas], folder)
        running.callback(envoy.stop)
        return 0 if run(replicas, envoy, key) else 1


sys.exit(main(*sys.argv[1:]))
