"""forms.py BINARY: how fast and how large the main call is in JSON, beside gRPC, as the table of docs/json.md.

One service on SQLite gets the same contacts in each form in turn, CONTACT_LISTS_FORMS_ROUNDS times; they are stored by then, so
that it reads, checks and compares them all, and writes none. What is sent is made before the clock starts. What the service
computes is the time that its threads ran, whatever else the machine does. The binary must be an optimized one. It needs grpcio
and grpcio-tools.
"""

import http.client
import json
import os
import pathlib
import statistics
import sys
import time

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "attacks"))
from service import Service, contacts, messages

CONTACTS, BATCH = 40_000, 500
ROUNDS = int(os.environ.get("CONTACT_LISTS_FORMS_ROUNDS", 9))
CALL = "/contactlists.v1.ContactListService/UpdateContactListContacts"


def person(number):
    return {
        "phone": f"+49151{number:08}",
        "externalId": f"crm-{number:08}",
        "email": f"person{number}@example.com",
        "name": f"Person Number {number}",
        "properties": {"plan": "pro"},
    }


def objects(list_id):
    """The messages of the stream, as JSON has them."""
    yield {"header": {"contactListId": list_id, "action": "ACTION_ADD"}}
    for start in range(0, CONTACTS, BATCH):
        yield {"contacts": [person(number) for number in range(start, start + BATCH)]}
    yield {"footer": {"contactCount": CONTACTS}}


def encoded(message):
    """The same message on the wire."""
    given = dict(message)
    header, footer = given.get("header"), given.get("footer")
    request = messages.UpdateContactListContactsRequest()
    if header:
        request.header.contact_list_id = header["contactListId"]
        request.header.action = messages.UpdateContactListContactsHeader.ACTION_ADD
    if footer:
        request.footer.contact_count = footer["contactCount"]
    for each in given.get("contacts", []):
        contact = request.contacts.add(
            phone=each["phone"], external_id=each["externalId"], email=each["email"], name=each["name"]
        )
        contact.properties.update(each["properties"])
    return request.SerializeToString()


class Sender:
    """Sends the same contacts, in one form or another."""

    def __init__(self, service):
        self.service = service
        given = list(objects(service.list))
        lines = [json.dumps(message, separators=(",", ":")).encode() + b"\n" for message in given]
        self.lines = lines
        self.array = [b"[" + lines[0], *(b"," + line for line in lines[1:]), b"]"]
        self.frames = [encoded(message) for message in given]
        identity = {"request_serializer": lambda it: it}
        decode = messages.UpdateContactListContactsResponse.FromString
        self.grpc_call = grpc.insecure_channel(service.address).stream_unary(CALL, response_deserializer=decode, **identity)

    def grpc(self):
        answer = self.grpc_call(iter(self.frames), metadata=self.service.metadata)
        return answer.received_count, sum(len(frame) + 5 for frame in self.frames)

    def json(self, content_type, parts):
        connection = http.client.HTTPConnection(self.service.address)
        headers = {"Authorization": f"Bearer {self.service.others_key}", "Content-Type": content_type}
        connection.request("POST", CALL, iter(parts), headers, encode_chunked=True)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer["receivedCount"], sum(map(len, parts))

    def computed(self):
        """The seconds that the service's threads have run."""
        fields = pathlib.Path(f"/proc/{self.service.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def send(self, form):
        start, computed = time.monotonic(), self.computed()
        if form == "gRPC":
            received, size = self.grpc()
        elif form == "JSON lines":
            received, size = self.json("application/x-ndjson", self.lines)
        else:
            received, size = self.json("application/json", self.array)
        assert received == CONTACTS, received
        return time.monotonic() - start, self.computed() - computed, size


def main(binary):
    service = Service(binary, flags=["--max-contacts", str(CONTACTS)])
    sender = Sender(service)
    sender.send("gRPC")
    forms = ("gRPC", "JSON lines", "JSON array")
    taken = {form: [] for form in forms}
    for _ in range(ROUNDS):
        for form in forms:
            taken[form].append(sender.send(form))
    service.stop()
    print("| form | time | computing | bytes | bytes a contact |\n| --- | --- | --- | --- | --- |")
    for form in forms:
        # Time is compared in each round, so that what else the machine does counts for both.
        pairs = list(zip(taken[form], taken["gRPC"]))
        time_taken = statistics.median(here[0] / there[0] for here, there in pairs)
        computing = sum(here[1] for here, _ in pairs) / sum(there[1] for _, there in pairs)
        size, size_in_grpc = taken[form][0][2], taken["gRPC"][0][2]
        print(f"| {form} | {time_taken:.2f} | {computing:.2f} | {size / size_in_grpc:.2f} | {size / CONTACTS:.0f} |")


main(sys.argv[1])
