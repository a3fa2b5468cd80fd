"""Callers that update lists without pause while something is killed, and the count of what was lost or doubled."""

import itertools
import threading
import time
import uuid

import grpc

from rules import messages, phone, person, services, stream

CALLERS, CONTACTS = 4, 20
# Calls fail at once while nothing answers.
PAUSE_AFTER_ERROR = 0.05


class Update:
    def __init__(self, numbers):
        self.request_id, self.numbers, self.ended = str(uuid.uuid4()), numbers, None

    def send(self, stub, metadata, list_id):
        """Returns whether it was acknowledged."""
        sent = [person(number) for number in self.numbers]
        request = stream(list_id, "ADD", sent, request_id=self.request_id)
        try:
            stub.UpdateContactListContacts(request, metadata=metadata, timeout=60)
        except grpc.RpcError as error:
            self.error = f"{error.code().name}: {error.details()}"
            return False
        self.ended = time.monotonic()
        return True


class Callers:
    """Each has a list of its own."""

    numbers = itertools.count(10_000_000)

    def __init__(self, address, key):
        self.address, self.metadata = address, [("authorization", f"Bearer {key}")]
        self.stub = services.ContactListServiceStub(grpc.insecure_channel(address))
        self.updates, self.lists, self.stopped = {}, [], threading.Event()
        for _ in range(CALLERS):
            request = messages.CreateContactListRequest(name=str(uuid.uuid4()))
            self.lists.append(self.stub.CreateContactList(request, metadata=self.metadata).contact_list.id)

    def start(self):
        self.threads = [threading.Thread(target=self.run, args=(it,), daemon=True) for it in self.lists]
        for thread in self.threads:
            thread.start()

    def run(self, list_id):
        stub = services.ContactListServiceStub(grpc.insecure_channel(self.address, [("grpc.enable_retries", 0)]))
        sent = self.updates.setdefault(list_id, [])
        while not self.stopped.is_set():
            update = Update(list(itertools.islice(self.numbers, CONTACTS)))
            sent.append(update)
            if not update.send(stub, self.metadata, list_id):
                time.sleep(PAUSE_AFTER_ERROR)

    def back_after(self, since):
        """How long after `since` an update that began later succeeded; a minute is given up on."""
        while time.monotonic() < since + 60:
            ended = [it.ended for sent in self.updates.values() for it in sent[-3:] if it.ended]
            if any(it > since + 0.5 for it in ended):
                return min(it for it in ended if it > since + 0.5) - since
            time.sleep(0.05)
        raise AssertionError("no update succeeds within a minute")

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def stored(self, list_id):
        ids, token = [], None
        while token != "":
            request = messages.ListContactListUpdatesRequest(
                contact_list_id=list_id, page_size=500, page_token=token or ""
            )
            page = self.stub.ListContactListUpdates(request, metadata=self.metadata)
            ids += [it.request_id for it in page.contact_list_updates]
            token = page.next_page_token
        request = messages.ExportContactListContactsRequest(contact_list_id=list_id)
        pages = self.stub.ExportContactListContacts(request, metadata=self.metadata)
        return ids, [it.contact.phone for page in pages for it in page.contact_list_contacts]

    def count(self):
        """What became of the updates: acknowledged, lost, doubled, applied in part, and failed ones sent again."""
        counts = dict.fromkeys(["acknowledged", "lost", "doubled", "partial", "failed", "failed again"], 0)
        for list_id, sent in self.updates.items():
            ids, members = self.stored(list_id)
            known, present = set(ids), set(members)
            for update in sent:
                there = sum(phone(number) in present for number in update.numbers)
                counts["partial"] += there not in (0, CONTACTS) or (there > 0) != (update.request_id in known)
                counts["acknowledged"] += bool(update.ended)
                counts["lost"] += bool(update.ended) and there < CONTACTS
                if not update.ended:
                    counts["failed"] += 1
                    counts["failed again"] += not update.send(self.stub, self.metadata, list_id)
            ids, members = self.stored(list_id)
            counts["doubled"] += len(ids) - len(set(ids)) + len(members) - len(set(members))
            counts["lost"] += len({it.request_id for it in sent} - set(ids))
        return counts
