"""A service of the scripts' own, on an empty database."""

import pathlib
import subprocess
import sys
import tempfile

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "proto"))
messages, services = grpc.protos_and_services("contactlists/v1/contact_list_service.proto")
contacts = grpc.protos("contactlists/v1/contact.proto")


class Service:
    """The service, with two keys: that of the one who loads it, and the others'."""

    def __init__(self, binary, url=None, flags=()):
        self.folder = tempfile.TemporaryDirectory()
        url = url or f"sqlite://{self.folder.name}/contact-lists.db"
        log = open(f"{self.folder.name}/log", "w")
        arguments = ["--listen", "127.0.0.1:0", "--database-url", url, *flags]
        self.process = subprocess.Popen([binary, *arguments], stdout=subprocess.PIPE, stderr=log, text=True)
        said = {}
        for line in self.process.stdout:
            words = line.split()
            said[" ".join(words[:-1])] = words[-1] if words else ""
            if line.startswith("listening on"):
                break
        self.address, self.others_key, self.list = said["listening on"], said["API key"], said["contact list"]
        organization = said["organization"]
        create = [binary, "api-key", "create", "--organization", organization, "--scope", "admin", "--database-url", url]
        created = subprocess.run(create, check=True, capture_output=True, text=True).stdout
        self.attackers_key = next(word for word in created.split() if word.startswith("cl_"))
        self.metadata = [("authorization", f"Bearer {self.others_key}")]
        self.stub = services.ContactListServiceStub(grpc.insecure_channel(self.address))

    def memory(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024

    def stop(self):
        self.process.kill()
        self.process.wait()
