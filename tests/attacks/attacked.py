"""The service that run.py attacks, with what it holds."""

import sqlite3
import time
import uuid

import grpc

from service import Service, contacts, messages

objects, object_services = grpc.protos_and_services("contactlists/v1/custom_object_service.proto")


class Attacked(Service):
    """The service under attack."""

    def fill(self, list_id, people, **header_fields):
        def stream():
            header = messages.UpdateContactListContactsHeader(contact_list_id=list_id, action="ACTION_ADD", **header_fields)
            yield messages.UpdateContactListContactsRequest(header=header)
            for person in people:
                yield messages.UpdateContactListContactsRequest(contacts=[person])

        self.stub.UpdateContactListContacts(stream(), metadata=self.metadata)

    def new_list(self, name):
        request = messages.CreateContactListRequest(name=name)
        return self.stub.CreateContactList(request, metadata=self.metadata).contact_list.id

    def fill_with_large_records(self):
        """Puts contacts on a list whose records have 13 MB, as an earlier version stored them."""
        request = objects.CreateCustomObjectRequest(key="notes", label="Notes")
        request.properties.add(key="note", label="Note", type="TYPE_TEXT")
        stub = object_services.CustomObjectServiceStub(grpc.insecure_channel(self.address))
        self.custom_object = stub.CreateCustomObject(request, metadata=self.metadata).custom_object.id
        self.list_of_large = self.new_list("large records")
        people = [contacts.Contact(phone=f"+49152{index:08}", properties={"note": "short"}) for index in range(4)]
        self.fill(self.list_of_large, people, custom_object_id=self.custom_object)
        records = "UPDATE custom_object_records SET properties = json_object('note', ?) WHERE custom_object_id = ?"
        with sqlite3.connect(f"{self.folder.name}/contact-lists.db", timeout=30) as database:
            changed = database.execute(records, ("x" * 13_000_000, uuid.UUID(self.custom_object).bytes)).rowcount
        assert changed == len(people), changed

    def ask(self):
        """How long a call of another key takes."""
        start = time.monotonic()
        self.stub.GetContactList(messages.GetContactListRequest(id=self.list), metadata=self.metadata, timeout=30)
        return time.monotonic() - start


def long_contacts(count):
    """Contacts of some 1.7 kB."""
    long = "x" * 250
    address = contacts.Address(address_line_one=long, address_line_two=long, city=long, state=long)
    for index in range(count):
        yield contacts.Contact(phone=f"+49151{index:08}", name=long, external_id=f"{index:0250}", address=address)


def named_contacts(count):
    return (contacts.Contact(phone=f"+49157{index:08}", name=f"person {index}") for index in range(count))
