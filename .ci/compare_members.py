"""compare_members.py [PHONE …]: the contacts on the list LIST equal examples/contacts.jsonl field by field.

Reads the list from ADDRESS with KEY, page by page, with the properties of the oldest custom object. The phones given are
members beside those of the file.
"""

import json
import os
import subprocess
import sys

WIRE_NAMES = {
    "external_id": "externalId",
    "default_channel_id": "defaultChannelId",
    "birth_date": "birthDate",
}
ADDRESS_NAMES = {
    "address_line_one": "addressLineOne",
    "address_line_two": "addressLineTwo",
    "post_code": "postCode",
}


def call(method, request):
    command = ["grpcurl", "-plaintext", "-H", f"authorization: Bearer {os.environ['KEY']}"]
    command += ["-d", json.dumps(request), os.environ["ADDRESS"], f"contactlists.v1.{method}"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def members():
    request = {"contact_list_id": os.environ["LIST"], "page_size": 500}
    objects = call("CustomObjectService/ListCustomObjects", {"page_size": 1})
    request["custom_object_id"] = objects["customObjects"][0]["id"]
    while True:
        page = call("ContactListService/ListContactListContacts", request)
        for member in page.get("contactListContacts", []):
            yield member["contact"]
        if not page.get("nextPageToken"):
            return
        request["page_token"] = page["nextPageToken"]


def expected(contact):
    """A line of the file as it is read back: with the names of grpcurl, and the record's default."""
    contact = {WIRE_NAMES.get(key, key): value for key, value in contact.items()}
    if "address" in contact:
        contact["address"] = {ADDRESS_NAMES.get(key, key): value for key, value in contact["address"].items()}
    if contact.get("properties"):
        contact["properties"] = {"plan": "free"} | contact["properties"]
    return contact


def read_back(contact):
    return {key: value for key, value in contact.items() if key not in ("id", "createTime", "updateTime")}


def main():
    with open("examples/contacts.jsonl", encoding="utf-8") as lines:
        wanted = {contact["phone"]: contact for contact in map(expected, map(json.loads, lines))}
    found = {contact["phone"]: contact for contact in map(read_back, members())}
    for phone in sys.argv[1:]:
        found.pop(phone)
    if found.keys() != wanted.keys():
        sys.exit(f"the list and the file differ in {sorted(found.keys() ^ wanted.keys())[:10]}")
    different = [phone for phone in wanted if wanted[phone] != found[phone]]
    for phone in different[:5]:
        print(f"sent {wanted[phone]}\nread {found[phone]}", file=sys.stderr)
    if different:
        sys.exit(f"{len(different)} of {len(wanted)} contacts differ")
    print(f"{len(wanted)} members equal examples/contacts.jsonl")


main()
