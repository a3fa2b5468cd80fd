"""run.py BINARY: the rules of buf.validate in proto/ say what the service does.

For every rule of every request: a request that breaks it is refused by protovalidate, by that rule, and by the service too. What
the service takes at the edges of its own rules, protovalidate takes as well. A rule that nothing here breaks is an error.

It needs grpcio, grpcio-tools and protovalidate.
"""

import contextlib
import copy
import importlib
import pathlib
import signal
import subprocess
import sys
import tempfile
import uuid

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "contactlists.v1"
SERVICES = ("channel", "communication_preference", "contact_list", "contact", "custom_object")
UPDATE = "UpdateContactListContacts"
STREAMS = (UPDATE, "OptOutContacts")
UNKNOWN = str(uuid.UUID(int=7))


def generate(folder):
    """Generates the messages, and those of the rules, into the folder; protovalidate needs both."""
    proto = ROOT / "proto"
    paths = [str(path) for name in ("buf/validate", "contactlists/v1", "google/api", "google/type") for path in (proto / name).glob("*.proto")]
    arguments = ["protoc", f"-I{proto}", f"-I{pathlib.Path(protoc.__file__).parent / '_proto'}"]
    assert protoc.main([*arguments, f"--python_out={folder}", f"--grpc_python_out={folder}", *paths]) == 0
    sys.path.insert(0, folder)


class Service:
    """The service on an empty database, and its calls by their names."""

    def __init__(self, binary, folder):
        command = [binary, "--listen", "127.0.0.1:0", "--admin-listen", "", "--database-url", f"sqlite://{folder}/service.db"]
        with open(pathlib.Path(folder, "log"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        printed = {}
        for line in self.process.stdout:
            words = line.split()
            printed[" ".join(words[:-1])] = words[-1] if words else ""
            if line.startswith("listening on"):
                break
        self.list, self.metadata = printed["contact list"], [("authorization", f"Bearer {printed['API key']}")]
        self.calls, channel = {}, grpc.insecure_channel(printed["listening on"])
        for name in SERVICES:
            module = importlib.import_module(f"contactlists.v1.{name}_service_pb2")
            stubs = importlib.import_module(f"contactlists.v1.{name}_service_pb2_grpc")
            (service,) = module.DESCRIPTOR.services_by_name.values()
            stub = getattr(stubs, f"{service.name}Stub")(channel)
            for method in service.methods:
                request = getattr(module, method.input_type.name)
                self.calls[method.name] = (getattr(stub, method.name), request)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)

    def send(self, name, request):
        """The response, or all messages of a streamed one."""
        call, _ = self.calls[name]
        if name in STREAMS:
            request = iter([request])
        response = call(request, metadata=self.metadata, timeout=60)
        return list(response) if name.startswith("Export") else response

    def takes(self, name, request):
        """Whether the service takes the request: it may know no resource of that id, but may not call it invalid."""
        try:
            self.send(name, request)
            return True
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return True
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, f"{name}: {error.code()} {error.details()}"
            return False

    def store(self, contact):
        """Adds the contact to the list; returns its id, and the list's version."""
        request = {"header": {"contact_list_id": self.list, "action": "ACTION_ADD"}, "contacts": [contact]}
        outcome = self.send(UPDATE, json_format.ParseDict(request, self.calls[UPDATE][1]()))
        found = self.send("GetContact", self.calls["GetContact"][1](phone=contact["phone"]))
        return found.contact.id, outcome.contact_list.version

    def first(self, name, field):
        return getattr(self.send(name, self.calls[name][1]()), field)[0].id


def valid_requests(service):
    """Requests of all calls that the service takes: the call's name, and the request in JSON."""
    channel, custom_object = service.first("ListChannels", "channels"), service.first("ListCustomObjects", "custom_objects")
    consent = {"source": "SOURCE_PHONE", "evidence": "x"}
    fields = {"external_id": "one", "email": "a@example.com", "name": "Ada", "language": "de", "default_channel_id": channel}
    fields["address"] = dict.fromkeys(("address_line_one", "address_line_two", "city", "state", "post_code", "country"), "x")
    contact = fields | {"phone": "+4915123456789", "consent": consent}
    stored, version = service.store(contact)
    header = {"contact_list_id": service.list, "action": "ACTION_ADD", "validate_only": True}
    whole = {"rejection_policy": "REJECTION_POLICY_REJECT_ALL", "expected_version": version, "max_removed_count": 1, "consent": consent}
    whole |= {"max_removed_percent": 1, "opt_in_to": [{"id": channel}], "request_id": UNKNOWN, "custom_object_id": custom_object}
    yield UPDATE, {"header": header | whole, "contacts": [contact], "footer": {"contact_count": 1}}
    yield UPDATE, {"header": header | {"opt_in_to": [{"phone": "+12025550100"}]}, "contacts": [contact]}
    page, by_id = {"page_size": 1}, {"id": UNKNOWN}
    shown = page | {"contact_list_id": service.list, "custom_object_id": custom_object}
    yield "CreateContactList", {"name": "New", "color": "#123456"}
    yield "ListContactLists", page | {"name_prefix": "a"}
    yield "UpdateContactList", {"contact_list": {"id": service.list, "name": "Newer", "color": "#123456"}}
    yield "ListContactListContacts", shown | {"opted_in_to_channel_id": channel}
    yield "ExportContactListContacts", {key: value for key, value in shown.items() if key != "page_size"}
    yield "GetContactListUpdate", {"update_id": UNKNOWN}
    yield "GetContactListUpdate", {"request_id": UNKNOWN}
    yield "ListContactListUpdates", page | {"contact_list_id": service.list}
    yield "RevertContactListUpdate", {"update_id": UNKNOWN}
    for reference in (by_id, {"phone": "+4915123456789"}, {"external_id": "one"}):
        yield "GetContact", reference
    for found in ({"phone": "+4915123456789"}, {"email": "a@example.com"}, {"external_id": "one"}, {"name_prefix": "a"}):
        yield "ListContacts", page | found
    yield "UpdateContact", {"contact": fields | {"id": stored, "phone": "+4915123456789"}}
    yield "CreateChannel", {"name": "New", "type": "TYPE_EMAIL"}
    yield "UpdateChannel", {"channel": {"id": channel, "name": "Newer"}}
    contacts = {"contacts": [{"phone": "+4915123456788"}]}
    yield "OptIn", contacts | {"channels": [{"id": channel}], "consent": consent}
    yield "OptIn", {"contacts": [by_id], "channels": [{"phone": "+12025550100"}]}
    yield "OptOut", contacts | {"channels": [{"id": channel}], "consent": consent}
    header = {"channels": [{"id": channel}], "consent": consent, "request_id": UNKNOWN, "validate_only": True}
    header["rejection_policy"] = "REJECTION_POLICY_REJECT_ALL"
    for reference in ({"id": stored}, {"phone": "+4915123456789"}, {"external_id": "one"}):
        yield "OptOutContacts", {"header": header, "contacts": [reference | {"consent": consent}], "footer": {"contact_count": 1}}
    yield "GetRecordedOptOut", {"request_id": UNKNOWN}
    for reference in ({"id": stored}, {"phone": "+4915123456789"}):
        yield "ListCommunicationPreferences", page | {"contact": reference}
        yield "ListPreferenceChanges", page | {"contact": reference}
    properties = [{"key": "p", "label": "P", "type": "TYPE_TEXT"}]
    yield "CreateCustomObject", {"key": "new", "label": "New", "properties": properties}
    yield "UpdateCustomObject", {"custom_object": {"id": custom_object, "label": "Newer"}}
    yield "AddCustomProperty", {"custom_object_id": custom_object, "property": properties[0]}
    for name in ("GetContactList", "GetChannel", "GetCustomObject", "DeleteContactList", "DeleteContact", "DeleteChannel"):
        yield name, by_id
    yield "DeleteCustomObject", by_id
    for name in ("ListChannels", "ListCustomObjects"):
        yield name, page


def edges(service):
    """Requests that look wrong, and that the service takes all the same."""
    spaces = " \t\u00a0\u3000\u0085" * 60
    header = {"header": {"contact_list_id": service.list.upper(), "action": "ACTION_ADD", "validate_only": True}}
    yield UPDATE, header | {"contacts": [{"phone": "+4915123456787", "email": f"{spaces}b@example.com{spaces}"}]}
    cleared = dict.fromkeys(("external_id", "email", "name", "language", "default_channel_id"), "")
    yield UPDATE, header | {"contacts": [{"phone": "+4915123456787", "address": {}} | cleared]}
    yield UPDATE, header | {"contacts": [{"phone": "+4915123456787", "name": "\u00e4" * 255}]}
    yield "CreateContactList", {"name": f"{spaces}{'a ' * 127}a{spaces}", "color": ""}
    yield "CreateContactList", {"name": "\u00e4" * 255}
    yield "UpdateCustomObject", {"custom_object": {"id": service.first("ListCustomObjects", "custom_objects"), "is_default": True}}
    yield "OptOut", {"contacts": [{"id": "x"}, {}, {"phone": "+4915123456786"}], "all_channels": True}
    yield "ListContactLists", {"page_size": 2**31 - 1, "name_prefix": ""}


def set_to(name, value):
    return lambda message: setattr(message, name, value)


def repeat(name, count):
    def broken(message):
        items = getattr(message, name)
        items.extend([copy.deepcopy(items[0])] * (count + 1 - len(items)))

    return broken


def breaks(field, rules):
    """(the rule's id, how to break it in a message that has the field) for each rule of the field."""
    name, kind = field.name, rules.WhichOneof("type")
    if rules.required:
        yield "required", lambda message: message.ClearField(name)
    for rule in rules.cel:
        yield rule.id, lambda message: setattr(getattr(message, name), "id", "x")
    given = {rule.name: value for rule, value in getattr(rules, kind).ListFields()} if kind else {}
    for rule, value in given.items():
        rule_id = f"{kind}.{rule}"
        match rule:
            case "uuid" | "max_len" | "min_len":
                text = {"uuid": "x", "max_len": "a" * (1 + int(value)), "min_len": ""}[rule]
                yield rule_id, set_to(name, text)
            case "pattern":
                yield rule_id, set_to(name, next(text for text in ("!", "a" * 256) if not protovalidate_matches(value, text)))
            case "gte":
                yield f"{rule_id}_lte" if "lte" in given else rule_id, set_to(name, value - 1)
            case "lte":
                yield f"{kind}.gte_lte", set_to(name, value + 1)
            case "defined_only":
                yield rule_id, set_to(name, 99)
            case "not_in":
                yield rule_id, set_to(name, value[0])
            case "max_items":
                yield rule_id, repeat(name, value)
            case "min_items":
                yield rule_id, lambda message: message.ClearField(name)
            case "items":
                for item in value.cel:
                    yield item.id, lambda message: getattr(message, name)[0].ClearField("phone")
            case _:
                sys.exit(f"{field.full_name}: nothing breaks {rule_id}")


def protovalidate_matches(pattern, text):
    return re2.search(pattern, text) is not None


def message_breaks(descriptor):
    """The same for the rules of a message and of its oneofs."""
    for rule in descriptor.GetOptions().Extensions[validate_pb2.message].oneof:
        first, second = rule.fields

        def both(message):
            for name in (first, second):
                field = message.DESCRIPTOR.fields_by_name[name]
                if field.type == FieldDescriptor.TYPE_STRING:
                    setattr(message, name, UNKNOWN if name.endswith("_id") else "customer")
                elif field.type == FieldDescriptor.TYPE_BOOL:
                    setattr(message, name, True)

        def neither(message):
            for name in (first, second):
                message.ClearField(name)

        yield "message.oneof", both
        if rule.required:
            yield "message.oneof", neither
    for oneof in descriptor.oneofs:
        if oneof.GetOptions().Extensions[validate_pb2.oneof].required:
            yield "required", lambda message, name=oneof.name: message.ClearField(message.WhichOneof(name))


def rules_of(descriptor):
    """(what has the rule, the rule's id, how to break it) for a message's own rules."""
    for rule_id, broken in message_breaks(descriptor):
        yield descriptor.full_name, rule_id, broken
    for field in descriptor.fields:
        for rule_id, broken in breaks(field, field.GetOptions().Extensions[validate_pb2.field]):
            yield field.full_name, rule_id, broken


def is_ignored(field):
    items = field.GetOptions().Extensions[validate_pb2.field].repeated.items
    return items.ignore == validate_pb2.IGNORE_ALWAYS


def messages_in(message, path=()):
    """The message and those in it: each with how to find it in a copy."""
    yield message.DESCRIPTOR, path
    for field, value in message.ListFields():
        if field.message_type and field.message_type.full_name.startswith(PACKAGE) and not is_ignored(field):
            is_list = field.is_repeated
            yield from messages_in(value[0] if is_list else value, (*path, (field.name, is_list)))


def found(message, path):
    for name, is_list in path:
        message = getattr(message, name)[0] if is_list else getattr(message, name)
    return message


def all_rules(descriptor, seen):
    """What has a rule in a request, and the rule's id."""
    if descriptor.full_name in seen:
        return
    seen.add(descriptor.full_name)
    yield from ((owner, rule_id) for owner, rule_id, _ in rules_of(descriptor))
    for field in descriptor.fields:
        if field.message_type and field.message_type.full_name.startswith(PACKAGE):
            yield from all_rules(field.message_type, seen)


def violations(request):
    return [violation.proto.rule_id for violation in protovalidate.collect_violations(request)]


def check(service):
    broken_rules, count = set(), 0
    for name, json in [*valid_requests(service), *edges(service)]:
        request = json_format.ParseDict(json, service.calls[name][1]())
        assert service.takes(name, request), f"{name} is not taken: {json}"
        assert not violations(request), f"{name} is taken, and protovalidate refuses it: {violations(request)} {json}"
    for name, json in valid_requests(service):
        request = json_format.ParseDict(json, service.calls[name][1]())
        for descriptor, path in messages_in(request):
            for owner, rule_id, broken in rules_of(descriptor):
                wrong = copy.deepcopy(request)
                with contextlib.suppress(TypeError, IndexError):
                    broken(found(wrong, path))
                if wrong == request or rule_id not in violations(wrong):
                    continue
                assert not service.takes(name, wrong), f"{name} is taken with {owner} against {rule_id}"
                broken_rules.add((owner, rule_id))
                count += 1
    seen = set()
    rules = {rule for _, request in service.calls.values() for rule in all_rules(request.DESCRIPTOR, seen)}
    unbroken = sorted(rules - broken_rules)
    assert not unbroken, f"nothing breaks {unbroken}"
    print(f"{len(rules)} rules of proto/ are the service's own: {count} requests are refused by both")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        generate(folder)
        import protovalidate
        import re2
        from buf.validate import validate_pb2

        service = Service(sys.argv[1], folder)
        try:
            check(service)
        finally:
            service.stop()
