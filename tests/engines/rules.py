"""What calls must return on every database: a sequence of calls, and the same again on SQLite to compare with."""

import concurrent.futures
import hashlib
import pathlib
import sys
import uuid

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "proto"))
messages, services = grpc.protos_and_services("contactlists/v1/contact_list_service.proto")
preferences, preference_services = grpc.protos_and_services("contactlists/v1/communication_preference_service.proto")
people, people_services = grpc.protos_and_services("contactlists/v1/contact_service.proto")
contacts = grpc.protos("contactlists/v1/contact.proto")
references = grpc.protos("contactlists/v1/contact.proto")

# More than a chunk, and more than a page.
PEOPLE = 3000
MESSAGE_CONTACTS = 500


def phone(number):
    return f"+49151{number:08}"


def person(number, phone_of=None, **fields):
    of = number if phone_of is None else phone_of
    return contacts.Contact(phone=phone(of), external_id=f"crm-{number}", **fields)


def stream(list_id, action, sent, **fields):
    Request = messages.UpdateContactListContactsRequest
    yield Request(
        header=messages.UpdateContactListContactsHeader(contact_list_id=list_id, action=f"ACTION_{action}", **fields)
    )
    for start in range(0, len(sent), MESSAGE_CONTACTS):
        yield Request(contacts=sent[start : start + MESSAGE_CONTACTS])
    yield Request(footer=messages.UpdateContactListContactsFooter(contact_count=len(sent)))


class Rules:
    """Calls on a service with an empty list, with the numbers that each returns."""

    def __init__(self, address, key, list_id):
        self.list, self.metadata = list_id, [("authorization", f"Bearer {key}")]
        channel = grpc.insecure_channel(address)
        self.lists = services.ContactListServiceStub(channel)
        self.people = people_services.ContactServiceStub(channel)
        self.preferences = preference_services.CommunicationPreferenceServiceStub(channel)

    def update(self, action, sent, **fields):
        try:
            request = stream(self.list, action, sent, **fields)
            self.last = self.lists.UpdateContactListContacts(request, metadata=self.metadata, timeout=120)
        except grpc.RpcError as error:
            return error.code().name
        counts = [it for it in self.last.DESCRIPTOR.fields if it.name.endswith("_count")]
        return {it.name: getattr(self.last, it.name) for it in counts if getattr(self.last, it.name)} | {
            "replayed": self.last.replayed
        }

    def members(self):
        request = messages.ExportContactListContactsRequest(contact_list_id=self.list)
        pages = self.lists.ExportContactListContacts(request, metadata=self.metadata, timeout=120)
        lines = sorted(f"{it.contact.phone} {it.contact.name}" for page in pages for it in page.contact_list_contacts)
        return len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]

    def concurrent_updates(self):
        """Updates of one list at once: all succeed, and each contact is created and added once."""
        sent = [person(number, name="At once") for number in range(5000, 5600)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            updates = [
                pool.submit(
                    self.lists.UpdateContactListContacts,
                    stream(self.list, "ADD", sent),
                    metadata=self.metadata,
                    timeout=120,
                )
                for _ in range(8)
            ]
            done = [it.result() for it in updates]
        return sum(it.created_count for it in done), sum(it.added_count for it in done)

    def run(self):
        """Yields what each rule is, and what was returned."""
        everyone = [person(number, name=f"Person {number}") for number in range(PEOPLE)]
        renamed = [person(number, name=f"Renamed {number}") for number in range(0, PEOPLE, 2)]
        request_id = str(uuid.uuid4())
        yield "add", self.update("ADD", everyone)
        yield "unchanged", self.update("ADD", everyone)
        yield "rename", self.update("ADD", renamed, request_id=request_id)
        yield "replay", self.update("ADD", renamed, request_id=request_id)
        yield "another input", self.update("ADD", everyone, request_id=request_id)
        out = [references.ContactReference(phone=phone(number)) for number in range(5, 15)]
        out.append(references.ContactReference(phone=phone(PEOPLE + 1)))
        opted_out = self.preferences.OptOut(
            preferences.OptOutRequest(contacts=out, all_channels=True), metadata=self.metadata
        )
        yield "opt out", (opted_out.opted_out_count, len(opted_out.rejected_contacts))
        yield "opt-outs are kept", self.update("ADD", [*everyone, person(PEOPLE + 1)])
        swapped = [person(number, phone_of=number ^ 1) for number in range(100)]
        yield "numbers swapped", self.update("ADD", swapped)
        yield "dry run", self.update("REMOVE", everyone[:200], validate_only=True)
        yield "remove", self.update("REMOVE", everyone[200:300])
        bad = [contacts.Contact(phone="12"), *everyone[300:800]]
        yield "one bad contact", self.update("OVERWRITE", bad)
        yield "overwrite", self.update("OVERWRITE", bad, rejection_policy="REJECTION_POLICY_SKIP")
        yield "too many removed", self.update("OVERWRITE", everyone[:1], max_removed_count=10)
        reverted = self.lists.RevertContactListUpdate(
            messages.RevertContactListUpdateRequest(update_id=self.last.update_id), metadata=self.metadata
        )
        yield "undo", (reverted.removed_count, reverted.contact_list.contact_count)
        yield "concurrent updates", self.concurrent_updates()
        found = self.people.ListContacts(people.ListContactsRequest(name_prefix="Person 12"), metadata=self.metadata)
        yield "search", [it.phone for it in found.contacts]
        erased = people.DeleteContactRequest(id=found.contacts[0].id)
        self.people.DeleteContact(erased, metadata=self.metadata)
        yield "export after an erasure", self.members()
