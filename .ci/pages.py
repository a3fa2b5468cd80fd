"""Holds README.md and docs/ to what is built.

pages.py words BINARY   the README is short and has its two commands; links lead somewhere; the pages have every flag of the
                        help, and every call of proto/ with its scope and an example
pages.py run            runs what the pages show against a server, with KEY, LIST, ADDRESS and CONTACT_LISTS_KEY and _SERVER
                        from the environment, the
                        database in CONTACT_LISTS_DATABASE_URL, and contact-lists and grpcurl on the PATH

A ```sh block that uses grpcurl, curl or a command of contact-lists is run; all blocks of the pages share their variables. Where a
```json or ```text block follows it in the same section, that is the response: its lines must come in the real one, in this
order. Ids and times may differ, "…" stands for anything, and a response that begins with ERROR must be an error. In the table
of the calls, each row's last cell is what to give to the blocks' function `call` as -d, and must succeed.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

MAX_README_LINES = 150
# Those that show commands, in the order in which they are read and run.
PAGES = ("importing", "undo", "consent", "json", "getting-started", "writing-a-client", "operating", "backup", "incidents")
SHOWN = ["README.md", *(f"docs/{page}.md" for page in PAGES)]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
PROGRAM = "organization|api-key|migrate|suppression|import|opt-out|export|lists|list|updates|revert|health|descriptor"
COMMAND = re.compile(rf"\b(grp)?curl |\bcontact-lists ({PROGRAM})\b")
ROW = re.compile(r"^\| `(\w+Service)` \| `(\w+)` \| (\w+) \| .*? \| (?:`(.*)`)? *\|$", re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def fail(message):
    sys.exit(f"the pages: {message}")


def read(path):
    return pathlib.Path(path).read_text(encoding="utf-8")


def check_readme():
    readme = read("README.md")
    if len(readme.splitlines()) > MAX_README_LINES:
        fail(f"README.md has more than {MAX_README_LINES} lines")
    for command in ("cargo run", "cargo test"):
        if not any(command in body.splitlines() for kind, body in FENCE.findall(readme) if kind == "sh"):
            fail(f"README.md has no line `{command}`")


def anchors(text):
    """The names that a page's headings have in links."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_links():
    for page in [*pathlib.Path(".").glob("*.md"), *pathlib.Path("docs").glob("*.md")]:
        for link in LINK.findall(FENCE.sub("", read(page))):
            if "://" in link:
                continue
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            if not target.exists():
                fail(f"{page} links to {link}, which does not exist")
            if anchor and anchor not in anchors(read(target)):
                fail(f"{page} links to {link}, which is no heading")


def check_flags(binary):
    groups = ("organization create", "organization update", "organization list")
    groups += tuple(f"api-key {name}" for name in ("create", "list", "disable", "enable"))
    groups += ("suppression export", "suppression apply")
    clients = ("import", "opt-out", "export", "lists", "list create", "list show", "updates", "revert", "health", "descriptor", "completions")
    for path, commands in {
        "docs/operating.md": ("serve", "migrate", *groups),
        "docs/importing.md": clients,
    }.items():
        page = read(path)
        for command in commands:
            arguments = [binary, *command.split(), "--help"]
            text = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
            words = re.findall(r"^ +(?:-\w, )?(--[\w-]+)", text, re.M) + re.findall(r"\[env: (\w+)=", text)
            for word in set(words) - {"--help", "--version"}:
                if f"`{word}`" not in page:
                    fail(f"{path} does not name {word} of `{command}`")


def check_calls():
    rows = ROW.findall(read("docs/getting-started.md"))
    calls = {}
    for path in pathlib.Path("proto/contactlists/v1").glob("*_service.proto"):
        text = read(path)
        service = re.search(r"^service (\w+)", text, re.M).group(1)
        for comment, call in re.findall(r"((?:^ *//.*\n)+) +rpc (\w+)", text, re.M):
            comment = " ".join(line.strip(" /") for line in comment.splitlines())
            calls[service, call] = re.search(r"Scope: (\w+)\.", comment).group(1)
    shown = {(service, call): scope for service, call, scope, _ in rows}
    if shown != calls:
        fail(f"the table of the calls differs from proto/ in {sorted(set(shown.items()) ^ set(calls.items()))}")
    without = [call for _, call, _, data in rows if not data]
    if without:
        fail(f"the table of the calls has no example for {without}")


def blocks(text):
    """(shell lines, expected response or None) for each block that is run."""
    fences = list(FENCE.finditer(text))
    for fence, following in zip(fences, fences[1:] + [None]):
        if fence.group(1) != "sh" or not COMMAND.search(fence.group(2)):
            continue
        is_response = following is not None and following.group(1) in ("json", "text")
        between = text[fence.end() : following.start()] if is_response else "\n#"
        yield fence.group(2), None if "\n#" in between else following.group(2)


def steps():
    """(place, shell lines, expected response or None) for all that is run, in order."""
    for page in SHOWN:
        text = read(page)
        for number, (body, response) in enumerate(blocks(text), 1):
            yield f"{page}, command {number}", body, response
        for service, call, _, data in ROW.findall(text):
            yield f"{page}, {call}", f"call {service}/{call} @ <<END\n{data}\nEND\n", None


def script(folder, todo):
    """One shell script that does all of it and keeps each response."""
    # The back-up is the database itself, and its server.
    lines = ["set -euo pipefail", "BACKUP=$ADDRESS", "RESTORED=$CONTACT_LISTS_DATABASE_URL"]
    for number, (_, body, response) in enumerate(todo):
        out = f">{folder}/{number} 2>&1"
        if response is not None and response.startswith("ERROR"):
            lines.append(f"if {{\n{body}}} {out}; then echo 'this should fail' >>{folder}/{number}; exit 1; fi")
        else:
            lines.append(f"{{\n{body}}} {out}")
    return "\n".join(lines) + "\n"


def plain(text):
    return TIME.sub("<time>", UUID.sub("<id>", text))


def compare(place, expected, real):
    real_lines = iter(plain(real).splitlines())
    for line in plain(expected).splitlines():
        if line.strip() in ("", "…"):
            continue
        pattern = ".*".join(re.escape(part) for part in line.rstrip().rstrip(",").split("…"))
        if not any(re.fullmatch(pattern + ",?", candidate.rstrip()) for candidate in real_lines):
            fail(f"{place}: the response has no line {line!r} at its place:\n{real}")


def run():
    todo = list(steps())
    with tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(["bash", "-c", script(folder, todo)], check=False)
        names = sorted(os.listdir(folder), key=int)
        responses = [read(pathlib.Path(folder, name)) for name in names]
    if ended.returncode != 0:
        fail(f"{todo[len(responses) - 1][0]} fails:\n{responses[-1]}")
    for (place, _, expected), real in zip(todo, responses, strict=True):
        if expected is not None:
            compare(place, expected, real)
    print(f"{len(responses)} commands of the pages do what they say")


if __name__ == "__main__":
    if sys.argv[1] == "words":
        check_readme()
        check_links()
        check_flags(sys.argv[2])
        check_calls()
    else:
        run()
