"""probe.py BINARY [DATABASE_URL]: how long short calls take beside each kind of load, as a table.

The database must be an empty one of PostgreSQL; without it, the service has a SQLite file of its own. Three probes call one
after another, each with a small pause: `GetContact`; `OptOut` of a number that no contact has and no load sends; and an
update of a list of their own with one contact. The load comes from a process of its own, with another key. Fails if the
slowest hundredth of `GetContact` takes more than 100 ms above idle, and on PostgreSQL if that of the others does: SQLite has
one writer, for which they wait. It needs grpcio and grpcio-tools.

CONTACT_LISTS_PROBE_CONTACTS sets the size of the large update, and CONTACT_LISTS_PROBE_P99_SECONDS what is allowed above idle.
"""

import itertools
import multiprocessing
import os
import sys
import threading
import time

import grpc

from http2 import Connection
from service import Service, contacts, messages, services

contact_messages, contact_services = grpc.protos_and_services("contactlists/v1/contact_service.proto")
preferences, preference_services = grpc.protos_and_services("contactlists/v1/communication_preference_service.proto")
objects, object_services = grpc.protos_and_services("contactlists/v1/custom_object_service.proto")

CONTACTS = int(os.environ.get("CONTACT_LISTS_PROBE_CONTACTS", 100_000))
MAX_P99 = float(os.environ.get("CONTACT_LISTS_PROBE_P99_SECONDS", 0.1))
IDLE_SECONDS = 10
PAUSE_SECONDS = 0.02
CALLS = ("GetContact", "OptOut", "update of one contact")
# The custom object of large contacts.
LARGE = "large"
Request = messages.UpdateContactListContactsRequest


def channel(address):
    # Without the option, grpcio shares a connection between channels.
    return grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])


def phone(number):
    return f"+49151{number:08}"


class Load:
    """Loads the service, in a process of its own."""

    def __init__(self, address, key):
        self.address, self.key = address, key
        self.metadata = [("authorization", f"Bearer {key}")]
        self.lists = services.ContactListServiceStub(channel(address))

    def new_list(self, name):
        request = messages.CreateContactListRequest(name=name)
        return self.lists.CreateContactList(request, metadata=self.metadata).contact_list.id

    def upload(self, list_id, people, batch=500, **header):
        def stream():
            head = messages.UpdateContactListContactsHeader(contact_list_id=list_id, action="ACTION_ADD", **header)
            yield Request(header=head)
            while part := list(itertools.islice(people, batch)):
                yield Request(contacts=part)

        lists = services.ContactListServiceStub(channel(self.address))
        return lists.UpdateContactListContacts.future(stream(), metadata=self.metadata)

    def people(self, first, count):
        return (contacts.Contact(phone=phone(index), external_id=f"{index}", name="Ann") for index in range(first, first + count))

    def one_update(self):
        self.upload(self.new_list("large"), self.people(0, CONTACTS)).result()

    def the_same_again(self):
        self.upload(self.new_list("again"), self.people(0, CONTACTS)).result()

    def eight_imports(self):
        size = CONTACTS // 8
        calls = [self.upload(self.new_list(f"import {index}"), self.people(10**7 + index * size, size)) for index in range(8)]
        for call in calls:
            call.result()

    def large_contacts(self):
        """Four uploads of contacts with 10,000 values each, once new and once changed."""
        custom_objects = object_services.CustomObjectServiceStub(channel(self.address))
        found = custom_objects.ListCustomObjects(objects.ListCustomObjectsRequest(), metadata=self.metadata)
        large = next(each.id for each in found.custom_objects if each.key == LARGE)

        def people(call, changed):
            values = [changed] * 10_000
            for index in range(250):
                person = contacts.Contact(phone=phone(2 * 10**7 + 1000 * call + index))
                person.properties.update({"flags": values})
                yield person

        for changed in (False, True):
            lists = [self.new_list(f"large contacts {changed} {call}") for call in range(4)]
            calls = [self.upload(each, people(call, changed), 50, custom_object_id=large) for call, each in enumerate(lists)]
            for call in calls:
                call.result()

    def deletes(self):
        """Deletes contacts of a list while an import holds it."""
        list_id = self.new_list("deleted from")
        self.upload(list_id, self.people(3 * 10**7, 20)).result()
        contact_service = contact_services.ContactServiceStub(channel(self.address))
        found = messages.ListContactListContactsRequest(contact_list_id=list_id)
        members = self.lists.ListContactListContacts(found, metadata=self.metadata).contact_list_contacts
        running = self.upload(list_id, self.people(4 * 10**7, CONTACTS // 4))
        calls = []
        for member in members:
            request = contact_messages.DeleteContactRequest(id=member.contact.id)
            calls.append(contact_service.DeleteContact.future(request, metadata=self.metadata))
            time.sleep(0.2)
        for call in [running, *calls]:
            call.result()

    def unknown_keys(self):
        """Calls with an unknown key, 1,024 at once, for as long as the probes are idle."""
        key, end = self.key[:-8] + "00000000", time.monotonic() + IDLE_SECONDS
        while time.monotonic() < end:
            connections = [Connection(self.address) for _ in range(16)]
            for start in range(10):
                for connection in connections:
                    for stream in range(64):
                        number = 128 * start + 2 * stream + 1
                        connection.begin(number, "ContactListService/ListContactListContacts", key)
            for connection in connections:
                connection.close()


class Probes:
    """Short calls of another key beside a load."""

    def __init__(self, service):
        self.metadata = service.metadata
        self.lists = services.ContactListServiceStub(channel(service.address))
        self.contacts = contact_services.ContactServiceStub(channel(service.address))
        self.preferences = preference_services.CommunicationPreferenceServiceStub(channel(service.address))
        self.list, self.numbers = service.list, itertools.count(9 * 10**7)
        self.update()
        custom_objects = object_services.CustomObjectServiceStub(channel(service.address))
        request = objects.CreateCustomObjectRequest(key=LARGE, label="Large")
        request.properties.add(key="flags", label="Flags", type="TYPE_LIST")
        custom_objects.CreateCustomObject(request, metadata=self.metadata)

    def get(self):
        self.contacts.GetContact(contact_messages.GetContactRequest(phone=phone(8 * 10**7)), metadata=self.metadata)

    def opt_out(self):
        number = contacts.ContactReference(phone=phone(next(self.numbers)))
        self.preferences.OptOut(preferences.OptOutRequest(contacts=[number], all_channels=True), metadata=self.metadata)

    def update(self):
        header = messages.UpdateContactListContactsHeader(contact_list_id=self.list, action="ACTION_ADD")
        request = Request(header=header, contacts=[contacts.Contact(phone=phone(8 * 10**7))])
        self.lists.UpdateContactListContacts(iter([request]), metadata=self.metadata)

    def beside(self, load):
        """How long the calls of each kind took, sorted, while `load` ran."""
        done, waits = threading.Event(), []

        def probe(call, taken):
            while not done.is_set():
                start = time.monotonic()
                try:
                    call()
                    taken.append(time.monotonic() - start)
                except grpc.RpcError as error:
                    taken.append(float("inf"))
                    print(f"a call failed: {error.code()}: {error.details()}", file=sys.stderr)
                done.wait(PAUSE_SECONDS)

        threads = []
        for call in (self.get, self.opt_out, self.update):
            waits.append([])
            threads.append(threading.Thread(target=probe, args=(call, waits[-1])))
        for thread in threads:
            thread.start()
        try:
            load()
        finally:
            done.set()
            for thread in threads:
                thread.join()
        return [sorted(taken) for taken in waits]


LOADS = [
    (f"an update with {CONTACTS:,} new contacts", "one_update"),
    ("the same contacts again, to another list", "the_same_again"),
    (f"eight imports with {CONTACTS // 8:,} new contacts each", "eight_imports"),
    ("four uploads of 250 contacts with 10,000 values each, twice", "large_contacts"),
    ("`DeleteContact` of 20 members of a list that an import holds", "deletes"),
    ("calls with an unknown key, 1,024 at once", "unknown_keys"),
]


def run_load(name, address, key):
    getattr(Load(address, key), name)()


def load_process(name, service):
    def run():
        arguments = (name, service.address, service.attackers_key)
        process = multiprocessing.get_context("spawn").Process(target=run_load, args=arguments)
        process.start()
        process.join()
        if process.exitcode:
            raise RuntimeError(f"the load {name} failed")

    return run


def percentile(taken, part):
    return taken[min(len(taken) - 1, len(taken) * part // 100)]


def main(binary, url=None):
    service, bad = Service(os.path.abspath(binary), url, ["--max-contacts", "10000000"]), []
    try:
        probes = Probes(service)
        print("| load | " + " | ".join(f"{call}, p50 / p99" for call in CALLS) + " |")
        print("| --- " * (1 + len(CALLS)) + "|")
        idle = None
        for load, name in [("none", None), *LOADS]:
            waits = probes.beside(load_process(name, service) if name else lambda: time.sleep(IDLE_SECONDS))
            cells = [f"{percentile(taken, 50) * 1000:.0f} / {percentile(taken, 99) * 1000:.0f} ms" for taken in waits]
            print(f"| {load} | " + " | ".join(cells) + " |", flush=True)
            slowest = [percentile(taken, 99) for taken in waits]
            idle = idle or slowest
            limited = len(CALLS) if url else 1
            for call, p99, before in list(zip(CALLS, slowest, idle))[:limited]:
                if p99 > before + MAX_P99:
                    bad.append(f"{load}: {call} takes {p99:.2f} s, and {before:.2f} s idle")
    finally:
        service.stop()
    for line in bad:
        print(line, file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
