"""Holds deploy/ to what a server tells a real Prometheus.

monitoring.py BINARY    starts BINARY on an empty SQLite database and a Prometheus that scrapes it, makes calls that succeed, are
                        refused and are replayed, and then runs every query of the dashboard, each of which must have a result,
                        and the alerts, none of which may fire or name a metric that there is not, and each of which has its row in
                        docs/observing.md

Needs grpcurl, prometheus and promtool on the PATH. Times are limited, and both end with the script.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import uuid

LIMIT_SECONDS = 90
DASHBOARD = pathlib.Path("deploy/grafana/contact-lists.json")
ALERTS = pathlib.Path("deploy/prometheus/alerts.yml")
PAGE = pathlib.Path("docs/observing.md")
SERVICE = "contactlists.v1.ContactListService"


def read(url):
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()


def until(what, ask):
    """Asks until there is an answer."""
    end = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < end:
        try:
            if answer := ask():
                return answer
        except (OSError, AssertionError) as error:
            what = f"{what.split(':')[0]}: {error}"
        time.sleep(0.2)
    sys.exit(f"monitoring: never {what}")


def start(binary, folder):
    """Starts the service, and returns its process and what it printed."""
    out = folder / "stdout"
    arguments = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
    arguments += ["--database-url", f"sqlite://{folder}/contact-lists.db"]
    with out.open("w") as stdout, (folder / "log").open("w") as log:
        service = subprocess.Popen([binary, *arguments], stdout=stdout, stderr=log)
    find = lambda pattern: re.search(pattern, out.read_text(), re.M)
    until("listening", lambda: find(r"^listening on "))
    value = lambda pattern: find(pattern)[1]
    return service, {
        "address": value(r"^listening on (.*)$"),
        "metrics": value(r"^metrics on (.*)$"),
        "key": value(r"^ *API key  *(\S+)$"),
        "list": value(r"^ *contact list  *(\S+)$"),
    }


def call(told, method, key=None, **message):
    """Makes a call, and returns whether it succeeded."""
    header = f"authorization: Bearer {key or told['key']}"
    command = ["grpcurl", "-plaintext", "-H", header, "-d", json.dumps(message), told["address"], f"{SERVICE}/{method}"]
    return subprocess.run(command, capture_output=True, timeout=30).returncode == 0


def load(told):
    """Makes calls of each kind."""
    header = {"contact_list_id": told["list"], "action": "ACTION_ADD", "rejection_policy": "REJECTION_POLICY_SKIP"}
    contacts = [{"phone": "+4915123456789"}, {"phone": "+4915123456790"}, {"phone": "nonsense"}]
    request_id = str(uuid.uuid4())
    for _ in range(2):
        assert call(told, "UpdateContactListContacts", header=header | {"request_id": request_id}, contacts=contacts)
    assert call(told, "UpdateContactListContacts", header=header, contacts=contacts)
    assert call(told, "ListContactListContacts", contact_list_id=told["list"])
    assert not call(told, "GetContactList", id=str(uuid.uuid4()))
    assert not call(told, "GetContactList", key="cl_nonsense", id=told["list"])


def start_prometheus(target, folder):
    """Starts a Prometheus with the alerts, and returns its process and address."""
    with (folder / "prometheus.yml").open("w") as config:
        config.write(
            "global: { scrape_interval: 1s, evaluation_interval: 1s }\n"
            f"rule_files: [{ALERTS.resolve()}]\n"
            f"scrape_configs: [{{ job_name: contact-lists, static_configs: [{{ targets: ['{target}'] }}] }}]\n"
        )
    log = folder / "prometheus.log"
    with log.open("w") as output:
        prometheus = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                "--web.listen-address=127.0.0.1:0",
                "--log.format=json",
            ],
            stdout=output,
            stderr=output,
        )
    listening = lambda: re.search(r'"address":"([^"]*)"[^\n]*"Listening on"', log.read_text())
    return prometheus, f"http://{until('listening (Prometheus)', listening)[1]}"


def query(prometheus, expression):
    text = urllib.parse.urlencode({"query": expression})
    answer = json.loads(read(f"{prometheus}/api/v1/query?{text}"))
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


def check_dashboard(prometheus):
    panels = json.loads(DASHBOARD.read_text())["panels"]
    count = 0
    for panel in panels:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
            until(f"a result of {panel['title']}", lambda: query(prometheus, expression))
            count += 1
    return count


def check_alerts(prometheus):
    names = set(json.loads(read(f"{prometheus}/api/v1/label/__name__/values"))["data"])
    rules = lambda: [
        rule
        for group in json.loads(read(f"{prometheus}/api/v1/rules"))["data"]["groups"]
        for rule in group["rules"]
    ]
    until("all alerts evaluated", lambda: rules() and all(rule["health"] != "unknown" for rule in rules()))
    page = PAGE.read_text()
    for rule in rules():
        assert f"`{rule['name']}`" in page, f"{PAGE} does not say what to do for {rule['name']}"
        assert rule["health"] == "ok", rule
        assert rule["state"] != "firing", rule
        for name in re.findall(r"contact_lists_\w+", rule["query"]):
            assert name in names, f"{rule['name']} asks for {name}, which there is not"
    return len(rules())


def in_classic_format(text):
    """Names counters as Prometheus' own format does, which is all that promtool knows: with their ending."""
    for name in re.findall(r"^# TYPE (\w+) counter$", text, re.M):
        text = re.sub(rf"^# (HELP|TYPE) {name} ", rf"# \1 {name}_total ", text, flags=re.M)
    return text


def main(binary):
    subprocess.run(["promtool", "check", "rules", str(ALERTS)], check=True)
    subprocess.run(["promtool", "test", "rules", "deploy/prometheus/alerts_test.yml"], check=True)
    running = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        try:
            service, told = start(binary, folder)
            running.append(service)
            target = urllib.parse.urlparse(told["metrics"]).netloc
            prometheus, address = start_prometheus(target, folder)
            running.append(prometheus)
            scraped = lambda: query(address, 'up{job="contact-lists"} == 1')
            until("scraped", scraped)
            load(told)
            until("a second scrape", lambda: query(address, "contact_lists_replayed_updates_total == 1"))
            load(told)
            text = in_classic_format(read(told["metrics"]))
            checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
            assert checked.returncode == 0, checked.stderr
            queries, alerts = check_dashboard(address), check_alerts(address)
            print(f"{queries} queries of the dashboard have results, and {alerts} alerts are silent")
        finally:
            for process in reversed(running):
                process.terminate()
                process.wait(timeout=30)


if __name__ == "__main__":
    main(sys.argv[1])
