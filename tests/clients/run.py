"""run.py BINARY [--long] [NAME …]: the programs of examples/clients do what their README promises, against the service.

Builds and runs each as the README's table says. A program must: apply a file as it is; name rejected contacts; apply nothing
of a file that it can't read to its end; retry what carries RetryInfo; send again, with the same request_id, what was cut off;
and not send again what was applied though the response was lost. Then it sends one contact a message, in one call and in eight
at once, while another channel makes ordinary calls. `--long` makes calls of 100,000
as well. With names, only those programs are run.

It needs grpcio and grpcio-tools, grpcurl, and what the programs need. What is generated stays in examples/clients.
"""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "examples/clients"
SAMPLE = ROOT / "examples/contacts.jsonl"
sys.path.insert(0, str(ROOT / "proto"))
messages, services = grpc.protos_and_services("contactlists/v1/contact_list_service.proto")

# Its folder and name, how to build it, and how to run it.
ROW = re.compile(r"^\| \[(\w+)/(\S+)\]\(.*?\) \| .*? \| (?:`(.*)`)? *\| `(.*) FILE` \|$", re.M)
UPDATE, LOOKUP = "UpdateContactListContacts", "GetContactListUpdate"
CALL = re.compile(r'method="contactlists\.v1\.ContactListService/(\w+)" status="(\w+)"')
REQUEST_ID = re.compile(r"request_id=([0-9a-f-]{36})")
# Contacts in a file, and files.
SIZES = [(4000, 1), (4000, 8)]
LONG_SIZES = [*SIZES, (100_000, 1), (100_000, 8)]


class Service:
    """The service on an empty database, with a caller."""

    def __init__(self, binary, folder, *flags):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=folder))
        command = [binary, "--listen", "127.0.0.1:0", "--admin-listen", "", "--max-contacts", "100000", *flags]
        command += ["--database-url", f"sqlite://{self.folder}/service.db"]
        with open(self.folder / "log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        printed = {}
        for line in self.process.stdout:
            words = line.split()
            printed[" ".join(words[:-1])] = words[-1] if words else ""
            if line.startswith("listening on"):
                break
        self.address, self.list = printed["listening on"], printed["contact list"]
        self.environment = {"ADDRESS": self.address, "KEY": printed["API key"], "LIST": self.list}
        self.metadata = [("authorization", f"Bearer {printed['API key']}")]
        self.channel = grpc.insecure_channel(self.address)
        self.lists = services.ContactListServiceStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)

    def call(self, method, request):
        return getattr(self.lists, method)(request, metadata=self.metadata, timeout=30)

    def new_list(self, name):
        return self.call("CreateContactList", messages.CreateContactListRequest(name=name)).contact_list.id

    def contact_count(self, list_id):
        return self.call("GetContactList", messages.GetContactListRequest(id=list_id)).contact_list.contact_count

    def calls_of_last_id(self):
        """The updates and lookups with the request_id of the last of them that has ended: the call and its status."""
        lines = (self.folder / "log").read_text(encoding="utf-8").splitlines()
        found = [(CALL.search(line), REQUEST_ID.search(line)) for line in lines]
        ended = [(call.groups(), id.group(1)) for call, id in found if call and id]
        return [call for call, id in ended if id == ended[-1][1]]


class Client:
    """A row of the README's table."""

    def __init__(self, folder, program, build, run):
        self.name, self.folder, self.build_command, self.run_command = f"{folder}/{program}", CLIENTS / folder, build, run

    def build(self):
        if self.build_command:
            subprocess.run(["bash", "-c", self.build_command], cwd=self.folder, check=True)

    def start(self, service, *files, **environment):
        """Starts it with the files, and the environment in upper case."""
        variables = os.environ | service.environment | {name.upper(): value for name, value in environment.items()}
        command = ["bash", "-c", f'exec {self.run_command} "$@"', "bash", *map(str, files)]
        if "=" in self.run_command.split()[0]:
            command[2] = f'{self.run_command} "$@"'
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.folder, env=variables, stdout=pipe, stderr=pipe, text=True)

    def run(self, service, *files, code=0, **environment):
        """Runs it to its end; returns the lines that it prints."""
        process = self.start(service, *files, **environment)
        out, err = process.communicate(timeout=900)
        assert process.returncode == code, f"{self.name} ended with {process.returncode}:\n{out}{err}"
        return out.splitlines()


class Proxy:
    """Stands between a program and the service, and breaks the first connection: after so many bytes of the program's, or, with
    none given, once the response begins."""

    def __init__(self, address, cut_after=None):
        self.target, self.cut_after = address.rsplit(":", 1), cut_after
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        is_first = True
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection((self.target[0], int(self.target[1])))
            upward = self.cut_after if is_first else None
            swallows = is_first and self.cut_after is None
            for source, target, limit, is_answer in ((client, server, upward, False), (server, client, None, swallows)):
                threading.Thread(target=self._pass, args=(source, target, limit, is_answer), daemon=True).start()
            is_first = False

    @staticmethod
    def _pass(source, target, limit, is_answer):
        passed, seen = 0, b""
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                passed += len(data)
                if is_answer:
                    seen += data
                if (limit and passed > limit) or (is_answer and begins(seen)):
                    break
                target.sendall(data)
            else:
                target.shutdown(socket.SHUT_WR)
                return
        for side in (source, target):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


def begins(data):
    """Whether a response begins in what a server has sent: over HTTP/1.1 at once, over HTTP/2 with a frame of headers."""
    if data.startswith(b"HTTP"):
        return True
    while len(data) >= 9:
        if data[3] == 1:
            return True
        data = data[9 + int.from_bytes(data[:3], "big") :]
    return False


def check_file(client, service):
    last = client.run(service, SAMPLE)[-1]
    assert last == f"{SAMPLE}: 3000 received, 0 rejected, 3000 added; the list has 3000", last
    compare = [sys.executable, ROOT / ".ci/compare_members.py"]
    subprocess.run(compare, env=os.environ | service.environment, cwd=ROOT, check=True)


def check_rejected(client, service):
    path = service.folder / "rejected.jsonl"
    path.write_text('{"phone": "+4915123456780"}\n{"phone": "+4915"}\n', encoding="utf-8")
    lines = client.run(service, path, list=service.new_list("rejected"))
    wanted = [f"{path}:2: phone is not a valid phone number"]
    assert lines == wanted + [f"{path}: 2 received, 1 rejected, 1 added; the list has 1"], lines


def check_broken_file(client, service):
    path, list_id = service.folder / "broken.jsonl", service.new_list("broken")
    path.write_text("".join(contacts(20_000, 99)) + '{"phone": \n', encoding="utf-8")
    client.run(service, path, code=1, list=list_id)
    assert service.contact_count(list_id) == 0, f"{client.name}: a part of a file was applied"


def hold_the_key(service, release):
    """Begins a call that takes the key's only permit until the event is set."""

    def stream():
        yield messages.UpdateContactListContactsRequest(header={"contact_list_id": service.list, "action": "ACTION_ADD"})
        release.wait(60)

    while True:
        held = service.lists.UpdateContactListContacts.future(stream(), metadata=service.metadata, timeout=120)
        refused = 0
        # A call that asks may itself have the permit when the held one comes, and keep it a moment longer than its response.
        while refused < 5 and not held.done():
            try:
                service.contact_count(service.list)
                refused = 0
            except grpc.RpcError:
                refused += 1
        if not held.done():
            return held


def check_retry(client, binary, folder):
    """The key is busy until the program has tried once."""
    with Service(binary, folder, "--max-calls-per-key", "1") as service:
        release = threading.Event()
        held = hold_the_key(service, release)
        process = client.start(service, SAMPLE)
        first = process.stderr.readline()
        assert "trying again" in first, first + process.communicate()[1]
        release.set()
        assert held.exception().code() == grpc.StatusCode.INVALID_ARGUMENT
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert service.contact_count(service.list) == 3000


def check_cut(client, service):
    """The connection breaks in the middle: what was sent is sent again, with its id, once it is known not to be applied."""
    list_id, proxy = service.new_list("cut"), Proxy(service.address, cut_after=100_000)
    client.run(service, SAMPLE, list=list_id, address=proxy.address)
    assert service.contact_count(list_id) == 3000
    made = service.calls_of_last_id()
    # The service may notice the broken connection only after the lookup.
    assert [call for call, _ in made].count(UPDATE) == 2 and made.count((LOOKUP, "NOT_FOUND")) == 1, made


def check_lost_response(client, service):
    """The connection breaks when the response begins: nothing is sent again."""
    list_id, proxy = service.new_list("lost response"), Proxy(service.address)
    last = client.run(service, SAMPLE, list=list_id, address=proxy.address)[-1]
    assert last == f"{SAMPLE}: 3000 received, 0 rejected, 3000 added; the list has 3000", last
    made = service.calls_of_last_id()
    assert [call for call, _ in made] == [UPDATE, LOOKUP] and made[1][1] == "OK", made


def contacts(count, number):
    return (f'{{"phone": "+4915{number:02}{index:07}"}}\n' for index in range(count))


def check_size(client, service, count, files):
    """One contact a message, in a call for each file."""
    folder = service.folder / f"{count}"
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number}.jsonl" for number in range(files)]
    for number, path in enumerate(paths):
        path.write_text("".join(contacts(count, number)), encoding="utf-8")
    list_id, waits, stopped = service.new_list(f"{count} {files}"), [], threading.Event()

    def others():
        while not stopped.wait(0.01):
            start = time.monotonic()
            service.contact_count(list_id)
            waits.append(time.monotonic() - start)

    thread, start = threading.Thread(target=others), time.monotonic()
    thread.start()
    try:
        lines = client.run(service, *paths, list=list_id, contacts_per_message="1", deadline_seconds="600")
    finally:
        stopped.set()
        thread.join()
    seconds, p99 = time.monotonic() - start, sorted(waits)[len(waits) * 99 // 100]
    for path in paths:
        assert any(line.startswith(f"{path}: {count} received, 0 rejected, {count} added;") for line in lines), lines
    assert service.contact_count(list_id) == count * files
    print(f"{client.name}: {files} × {count} messages in {seconds:.1f} s, others' p99 {p99 * 1000:.0f} ms", flush=True)


def check(client, binary, sizes):
    start = time.monotonic()
    client.build()
    print(f"{client.name}: built in {time.monotonic() - start:.1f} s", flush=True)
    with tempfile.TemporaryDirectory() as folder, Service(binary, folder) as service:
        check_file(client, service)
        check_rejected(client, service)
        check_broken_file(client, service)
        check_retry(client, binary, folder)
        check_cut(client, service)
        check_lost_response(client, service)
        for count, files in sizes:
            check_size(client, service, count, files)
    print(f"{client.name}: {time.monotonic() - start:.1f} s in all", flush=True)


def main(binary, sizes, names):
    rows = ROW.findall((CLIENTS / "README.md").read_text(encoding="utf-8"))
    assert len(rows) == 7, rows
    for client in (Client(*row) for row in rows):
        if not names or client.name in names:
            check(client, os.path.abspath(binary), sizes)


if __name__ == "__main__":
    given = [argument for argument in sys.argv[2:] if argument != "--long"]
    main(sys.argv[1], LONG_SIZES if "--long" in sys.argv else SIZES, given)
