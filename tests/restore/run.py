"""run.py BINARY [DATABASE_URL]: backs a database up while calls change it, restores it and compares.

The database must be an empty one of PostgreSQL; without it, the service has a SQLite file of its own. Updates and opt-outs run
before, while and after the back-up is made, and erasures after it. Then opt-outs and erasures are exported, the back-up is
restored into a new database, and the export is applied. What was acknowledged before the back-up began must be there, and
replay; every list must have as many members as it says; no opt-out and no erasure, whenever it was acknowledged, may be undone.

The commands are those of docs/backup.md.

It needs grpcio and grpcio-tools, and for PostgreSQL its client programs.
"""

import contextlib
import datetime
import glob
import itertools
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "proto"))
lists, list_services = grpc.protos_and_services("contactlists/v1/contact_list_service.proto")
people, people_services = grpc.protos_and_services("contactlists/v1/contact_service.proto")
preferences, preference_services = grpc.protos_and_services("contactlists/v1/communication_preference_service.proto")
channels, channel_services = grpc.protos_and_services("contactlists/v1/channel_service.proto")
contacts = grpc.protos("contactlists/v1/contact.proto")
Header = lists.UpdateContactListContactsHeader

UPDATERS, CONTACTS = 3, 20
# Stored before the load begins, so that the back-up takes a moment.
STORED_CONTACTS, BATCH = 20_000, 4000
PHASE_SECONDS = 3
# The export begins so long before the back-up: longer than any call takes.
MARGIN_SECONDS = 60
# Those of Debian and its kind are not on the PATH.
os.environ["PATH"] += "".join(f":{folder}" for folder in glob.glob("/usr/lib/postgresql/*/bin"))


class Service:
    """The service on a database, with a caller."""

    def __init__(self, binary, url, log, key=None):
        command = [binary, "--listen", "127.0.0.1:0", "--admin-listen", "", "--database-url", url]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        printed = {}
        for line in self.process.stdout:
            words = line.split()
            printed[" ".join(words[:-1])] = words[-1] if words else ""
            if line.startswith("listening on"):
                break
        self.key = key or printed["API key"]
        self.metadata = [("authorization", f"Bearer {self.key}")]
        channel = grpc.insecure_channel(printed["listening on"])
        self.lists = list_services.ContactListServiceStub(channel)
        self.people = people_services.ContactServiceStub(channel)
        self.preferences = preference_services.CommunicationPreferenceServiceStub(channel)
        self.channels = channel_services.ChannelServiceStub(channel)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)

    def new_list(self, name):
        request = lists.CreateContactListRequest(name=name)
        return self.lists.CreateContactList(request, metadata=self.metadata).contact_list.id

    def channel(self):
        return self.channels.ListChannels(channels.ListChannelsRequest(), metadata=self.metadata).channels[0].id

    def update(self, list_id, phones, request_id=None):
        header = Header(contact_list_id=list_id, action="ACTION_ADD", request_id=request_id)
        sent = [contacts.Contact(phone=phone) for phone in phones]
        request = lists.UpdateContactListContactsRequest(header=header, contacts=sent)
        return self.lists.UpdateContactListContacts(iter([request]), metadata=self.metadata, timeout=60)

    def opt_out(self, phone):
        request = preferences.OptOutRequest(contacts=[{"phone": phone}], all_channels=True)
        self.preferences.OptOut(request, metadata=self.metadata, timeout=60)

    def find(self, phone):
        """The contact with a number, or None."""
        try:
            return self.people.GetContact(people.GetContactRequest(phone=phone), metadata=self.metadata, timeout=60)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return None
            raise

    def erase(self, contact_id):
        self.people.DeleteContact(people.DeleteContactRequest(id=contact_id), metadata=self.metadata, timeout=60)

    def members(self, list_id):
        request = lists.ExportContactListContactsRequest(contact_list_id=list_id)
        pages = self.lists.ExportContactListContacts(request, metadata=self.metadata)
        return [member.contact.phone for page in pages for member in page.contact_list_contacts]

    def contact_count(self, list_id):
        request = lists.GetContactListRequest(id=list_id)
        return self.lists.GetContactList(request, metadata=self.metadata).contact_list.contact_count


class Load:
    """Makes calls without pause until it is stopped, and remembers those that were acknowledged, with the time."""

    def __init__(self, service, list_ids):
        self.service, self.stopped, self.erases = service, threading.Event(), threading.Event()
        self.numbers = itertools.count(10_000_000)
        self.updates, self.opt_outs, self.erasures, self.errors = [], [], [], []
        work = [(self.update, list_id) for list_id in list_ids] + [(self.opt_out,), (self.erase,)]
        self.threads = [threading.Thread(target=self.run, args=it, daemon=True) for it in work]
        for thread in self.threads:
            thread.start()

    def run(self, call, *args):
        while not self.stopped.is_set():
            try:
                call(*args)
            except Exception as error:
                self.errors.append(error)
                return

    def update(self, list_id):
        phones = [f"+49151{number}" for number in itertools.islice(self.numbers, CONTACTS)]
        request_id = str(uuid.uuid4())
        self.service.update(list_id, phones, request_id)
        self.updates.append((time.monotonic(), list_id, phones, request_id))

    def pick(self):
        """A number of an update, if there is one yet."""
        if self.updates:
            return random.choice(random.choice(self.updates)[2])
        time.sleep(0.01)

    def opt_out(self):
        # Now and then, a number that no contact has.
        phone = self.pick() if random.random() < 0.8 else f"+49152{next(self.numbers)}"
        if phone:
            self.service.opt_out(phone)
            self.opt_outs.append(phone)

    def erase(self):
        phone = self.pick() if self.erases.wait(0.1) else None
        found = phone and self.service.find(phone)
        if found:
            self.service.erase(found.contact.id)
            self.erasures.append(phone)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        if self.errors:
            raise self.errors[0]


def shown(folder, text, **variables):
    """Runs the commands with `text` in them that docs/backup.md shows, in `folder`. Returns what they print."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs/backup.md").read_text(), re.M | re.S)
    [commands] = [block for block in blocks if text in block]
    environment = {**os.environ, **variables}
    ended = subprocess.run(["bash", "-euc", commands], cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return ended.stdout


class Sqlite:
    name = "SQLite"

    def __init__(self, folder):
        self.folder = folder
        self.url, self.restored_url = f"sqlite://{folder}/contact-lists.db", f"sqlite://{folder}/restored.db"

    def back_up(self):
        shown(self.folder, ".backup(")
        copy = pathlib.Path(self.folder, "back-up.db")
        assert copy.stat().st_mode & 0o077 == 0, "others can read the back-up"
        verified = shown(self.folder, "integrity_check").split()
        assert verified[:3] == ["ok", "organizations", "1"] and int(verified[4]) >= STORED_CONTACTS, verified

    def restore(self):
        shown(self.folder, "mv back-up.db")


class Postgres:
    name = "PostgreSQL"

    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        self.restored_url = urllib.parse.urlsplit(url)._replace(path="/restored").geturl()

    def back_up(self):
        shown(self.folder, "pg_dump", CONTACT_LISTS_DATABASE_URL=self.url)
        dump = pathlib.Path(self.folder, "back-up.dump")
        assert dump.stat().st_mode & 0o077 == 0, "others can read the back-up"
        shown(self.folder, "/dev/null")

    def restore(self):
        shown(self.folder, "CREATE DATABASE", CONTACT_LISTS_DATABASE_URL=self.url, RESTORED=self.restored_url)


def check_wrong_paths():
    """A back-up of nothing fails and leaves nothing; half a back-up is not taken for one."""
    with tempfile.TemporaryDirectory() as folder:
        for text in (".backup(", "integrity_check", "/dev/null"):
            try:
                shown(folder, text)
            except subprocess.CalledProcessError:
                assert not os.listdir(folder), os.listdir(folder)
            else:
                raise AssertionError(f"the commands with {text} succeed without a database")


def timed(what, work):
    start = time.monotonic()
    result = work()
    print(f"{what}: {time.monotonic() - start:.1f} s", flush=True)
    return result


def run_load(service, database):
    """Makes calls, and the back-up while they run. Returns them, and when the back-up began by two clocks."""
    list_ids = [service.new_list(f"List {number}") for number in range(UPDATERS)]
    for start in range(0, STORED_CONTACTS, BATCH):
        service.update(list_ids[0], [f"+49151{50_000_000 + number}" for number in range(start, start + BATCH)])
    load = Load(service, list_ids)
    time.sleep(PHASE_SECONDS)
    began = time.monotonic(), datetime.datetime.now(datetime.timezone.utc)
    timed("back-up", database.back_up)
    load.erases.set()
    time.sleep(PHASE_SECONDS)
    load.stop()
    return load, *began


def check(service, load, began):
    """Returns what is wrong in the restored database, each with a count."""
    erased = set(load.erasures)
    wrong = dict.fromkeys(("lost", "not replayed", "wrong contact_count", "erased and back", "opted out and back"), 0)
    list_ids = {list_id for _, list_id, *_ in load.updates}
    members = {list_id: service.members(list_id) for list_id in list_ids}
    for list_id, phones in members.items():
        wrong["wrong contact_count"] += service.contact_count(list_id) != len(phones) or len(set(phones)) != len(phones)
    for phone in erased:
        wrong["erased and back"] += service.find(phone) is not None
    before = [update for update in load.updates if update[0] < began]
    for _, list_id, phones, request_id in before:
        wrong["lost"] += len(set(phones) - erased - set(members[list_id]))
        wrong["not replayed"] += not service.update(list_id, phones, request_id).replayed
    # An opted-out number is kept out of every channel, whether it has a contact or gets one.
    first_list = next(iter(list_ids))
    for phone in set(load.opt_outs):
        wrong["opted out and back"] += service.update(first_list, [phone]).kept_opt_out_count != 1
    print(
        f"acknowledged before the back-up began: {len(before)} of {len(load.updates)} updates; "
        f"in all {len(set(load.opt_outs))} numbers opted out, {len(erased)} contacts erased"
    )
    print(", ".join(f"{what} {count}" for what, count in wrong.items()))
    return sum(wrong.values()) == 0 and before and erased and load.opt_outs


def main(binary, url=None):
    check_wrong_paths()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        database = Postgres(folder, url) if url else Sqlite(folder)
        print(f"-- {database.name}")
        log = running.enter_context(open(f"{folder}/log", "w"))
        service = Service(binary, database.url, log)
        running.callback(service.stop)
        load, began, began_at = run_load(service, database)
        since = (began_at - datetime.timedelta(seconds=MARGIN_SECONDS)).isoformat()
        export = [binary, "suppression", "export", "--since", since, "--database-url", database.url]
        file = timed("suppression export", lambda: subprocess.run(export, check=True, capture_output=True).stdout)
        service.stop()
        timed("restore", database.restore)
        apply = [binary, "suppression", "apply", "-", "--database-url", database.restored_url]
        for what in ("suppression apply", "suppression apply, again"):
            print(timed(what, lambda: subprocess.run(apply, input=file, check=True, capture_output=True)).stdout.decode(), end="")
        restored = Service(binary, database.restored_url, log, service.key)
        running.callback(restored.stop)
        return 0 if check(restored, load, began) else 1


sys.exit(main(*sys.argv[1:]))
