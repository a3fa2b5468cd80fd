"""upload.py FILE …: adds the contacts of files of JSON lines to a list, a call for each file, all on one channel.

Environment: ADDRESS (host:port), KEY (an API key), LIST (the list's id), and, if the defaults don't suit,
CONTACTS_PER_MESSAGE and DEADLINE_SECONDS.
"""

import os
import random
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import json_format
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from contactlists.v1 import contact_list_service_pb2 as messages
from contactlists.v1 import contact_list_service_pb2_grpc as services

CONTACTS_PER_MESSAGE = int(os.environ.get("CONTACTS_PER_MESSAGE", 200))
DEADLINE_SECONDS = float(os.environ.get("DEADLINE_SECONDS", 120))
ATTEMPTS = 6
METADATA = [("authorization", f"Bearer {os.environ['KEY']}")]

Header = messages.UpdateContactListContactsHeader


def stream(path, request_id):
    """The messages of one call. grpcio takes the next one when the last one is on its way."""
    header = Header(
        contact_list_id=os.environ["LIST"],
        action=Header.ACTION_ADD,
        rejection_policy=Header.REJECTION_POLICY_SKIP,
        request_id=request_id,
    )
    message, count = messages.UpdateContactListContactsRequest(header=header), 0
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            try:
                json_format.Parse(line, message.contacts.add())
            except json_format.ParseError as error:
                # grpcio only says that there was an exception.
                print(f"{path}:{count + 1}: {error}", file=sys.stderr)
                raise
            count += 1
            if len(message.contacts) == CONTACTS_PER_MESSAGE:
                yield message
                message = messages.UpdateContactListContactsRequest()
    # An exception above cancels the call. What is counted here is what the file had.
    message.footer.contact_count = count
    yield message


def details(error):
    """The error's details by their types; none if the error is grpcio's own."""
    status = rpc_status.from_call(error)
    found = {}
    for detail in status.details if status else []:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo):
            if detail.Is(kind.DESCRIPTOR):
                found[kind] = kind.FromString(detail.value)
    return found


def retry_delay(error):
    """How many seconds to wait before a retry; None if it can't help."""
    retry = details(error).get(error_details_pb2.RetryInfo)
    if retry:
        return retry.retry_delay.ToTimedelta().total_seconds()
    # The connection broke, or the deadline passed: the update may have been applied.
    lost = error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    return 0 if lost else None


def recorded(lists, request_id):
    """The outcome of the update, if it was applied. Otherwise it is sent again, which is safe with the same id."""
    try:
        request = messages.GetContactListUpdateRequest(request_id=request_id)
        return lists.GetContactListUpdate(request, metadata=METADATA, timeout=10).contact_list_update.outcome
    except grpc.RpcError:
        return None


def upload(lists, path):
    request_id = str(uuid.uuid4())
    for attempt in range(ATTEMPTS):
        try:
            messages_of_call = stream(path, request_id)
            return lists.UpdateContactListContacts(messages_of_call, metadata=METADATA, timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            delay = retry_delay(error)
            if delay is None or attempt + 1 == ATTEMPTS:
                raise
            print(f"{path}: trying again after {error.code().name}: {error.details()}", file=sys.stderr)
            time.sleep(max(delay, 0.5 * 2**attempt) * random.uniform(1, 1.5))
        if outcome := recorded(lists, request_id):
            return outcome


def report(path, upload):
    """Prints what an upload came to; whether it succeeded."""
    try:
        outcome = upload.result()
    except grpc.RpcError as error:
        info = details(error).get(error_details_pb2.ErrorInfo)
        reason = info.reason if info else "no details"
        print(f"{path}: {error.code().name} ({reason}): {error.details()}", file=sys.stderr)
        return False
    for contact in outcome.rejected_contacts:
        for violation in contact.violations:
            print(f"{path}:{contact.index + 1}: {violation.field} {violation.message}")
    print(
        f"{path}: {outcome.received_count} received, {outcome.rejected_count} rejected, {outcome.added_count} added;"
        f" the list has {outcome.contact_list.contact_count}"
    )
    return True


def main(paths):
    with grpc.insecure_channel(os.environ["ADDRESS"]) as channel, ThreadPoolExecutor(len(paths)) as threads:
        lists = services.ContactListServiceStub(channel)
        uploads = [(path, threads.submit(upload, lists, path)) for path in paths]
        results = [report(path, upload) for path, upload in uploads]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
