"""one_by_one.py CONTACTS CALLS: grpcio sends one contact a message, in CALLS calls at once on one channel.

Another channel makes ordinary calls meanwhile. Every call must succeed. The service is at ADDRESS, with an admin key in
KEY and a contact list in LIST; the folder above is the repository's.
"""

import os
import pathlib
import sys
import threading
import time

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "proto"))
messages, services = grpc.protos_and_services("contactlists/v1/contact_list_service.proto")
contacts = grpc.protos("contactlists/v1/contact.proto")

METADATA = [("authorization", f"Bearer {os.environ['KEY']}")]
ADDRESS, LIST = os.environ["ADDRESS"], os.environ["LIST"]


def stub(option):
    # Without the option, grpcio shares a connection between channels.
    return services.ContactListServiceStub(grpc.insecure_channel(ADDRESS, [("grpc.test_channel", option)]))


def stream(call, count):
    request = messages.UpdateContactListContactsRequest
    header = messages.UpdateContactListContactsHeader(contact_list_id=LIST, action="ACTION_ADD")
    yield request(header=header)
    for index in range(count):
        phone = f"+4915{call:02}{index:07}"
        yield request(contacts=[contacts.Contact(phone=phone)])


def upload(lists, call, count, outcomes):
    try:
        answer = lists.UpdateContactListContacts(stream(call, count), metadata=METADATA, timeout=600)
        outcomes.append(None if answer.received_count == count else f"{answer.received_count} were received")
    except grpc.RpcError as error:
        outcomes.append(f"{error.code().name}: {error.details()}")


def main(count, calls):
    outcomes, waits = [], []
    crowd, beside = stub(1), stub(2)
    uploads = [threading.Thread(target=upload, args=(crowd, call, count, outcomes)) for call in range(calls)]
    begun = time.monotonic()
    for thread in uploads:
        thread.start()
    while any(thread.is_alive() for thread in uploads):
        start = time.monotonic()
        beside.GetContactList(messages.GetContactListRequest(id=LIST), metadata=METADATA, timeout=30)
        waits.append(time.monotonic() - start)
        time.sleep(0.01)
    errors = [outcome for outcome in outcomes if outcome]
    seconds, p99 = time.monotonic() - begun, sorted(waits)[len(waits) * 99 // 100]
    print(f"grpcio: {calls} calls of {count} messages in {seconds:.1f} s, others' p99 {p99 * 1000:.0f} ms, errors: {errors}")
    return 1 if errors else 0


sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
