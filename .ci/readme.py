"""Holds README.md to what is built.

readme.py words BINARY   the README has every flag of the help, the two commands, and every call of proto/ with an example
readme.py run            runs the README's grpcurl lines against a server, with KEY, LIST and ADDRESS from the environment

A ```sh block that has a grpcurl line is run; all blocks share their variables. Where a ```json or ```text block follows
it, that is the answer: its lines must come in the real one, in this order. Ids and times may differ, "…" stands for
anything, and an answer that begins with ERROR must be an error. In the table of the calls, each row's last cell is what to
give to the blocks' function `call` as -d, and must succeed.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

README = pathlib.Path("README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
ROW = re.compile(r"^\| `(\w+Service)` \| `(\w+)` \| (\w+) \| .*? \| (?:`(.*)`)? *\|$", re.M)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def fail(message):
    sys.exit(f"README.md: {message}")


def check_words(binary):
    for command in ("cargo run", "cargo test"):
        if not any(command in body.splitlines() for kind, body in FENCE.findall(README) if kind == "sh"):
            fail(f"has no line `{command}`")
    commands = [["serve"], ["migrate"]]
    commands += [["organization", name] for name in ("create", "update", "list")]
    commands += [["api-key", name] for name in ("create", "list", "disable", "enable")]
    for command in commands:
        text = subprocess.run([binary, *command, "--help"], check=True, capture_output=True, text=True).stdout
        words = re.findall(r"^ +(?:-\w, )?(--[\w-]+)", text, re.M) + re.findall(r"\[env: (\w+)=", text)
        for word in set(words) - {"--help", "--version"}:
            if f"`{word}`" not in README:
                fail(f"does not name {word} of `{' '.join(command)}`")
    rows = {(service, call): scope for service, call, scope, _ in ROW.findall(README)}
    calls = {}
    for path in pathlib.Path("proto/contactlists/v1").glob("*_service.proto"):
        text = path.read_text(encoding="utf-8")
        service = re.search(r"^service (\w+)", text, re.M).group(1)
        for comment, call in re.findall(r"((?:^ *//.*\n)+) +rpc (\w+)", text, re.M):
            comment = " ".join(line.strip(" /") for line in comment.splitlines())
            calls[service, call] = re.search(r"Scope: (\w+)\.", comment).group(1)
    if rows != calls:
        fail(f"the table of the calls differs from proto/ in {sorted(set(rows.items()) ^ set(calls.items()))}")
    without = [call for _, call, _, data in ROW.findall(README) if not data]
    if without:
        fail(f"the table of the calls has no example for {without}")


def blocks():
    """(shell lines, expected answer or None) for each block with a grpcurl line."""
    fences = list(FENCE.finditer(README))
    for fence, following in zip(fences, fences[1:] + [None]):
        if fence.group(1) != "sh" or "grpcurl" not in fence.group(2):
            continue
        answers = following is not None and following.group(1) in ("json", "text")
        between = README[fence.end() : following.start()] if answers else "\n#"
        yield fence.group(2), None if "\n#" in between else following.group(2)


def script(folder):
    """One shell script of all blocks, which keeps each one's answer, and the answers it expects."""
    lines, expected = ["set -euo pipefail"], []
    for number, (body, answer) in enumerate(blocks()):
        expected.append(answer)
        out = f">{folder}/{number} 2>&1"
        if answer is not None and answer.startswith("ERROR"):
            lines.append(f"if {{\n{body}}} {out}; then echo 'this should fail' >>{folder}/{number}; exit 1; fi")
        else:
            lines.append(f"{{\n{body}}} {out}")
    for service, call, _, data in ROW.findall(README):
        lines.append(f"{{ call {service}/{call} @ <<END\n{data}\nEND\n}} >{folder}/{len(expected)} 2>&1")
        expected.append(None)
    return "\n".join(lines) + "\n", expected


def plain(text):
    return TIME.sub("<time>", UUID.sub("<id>", text))


def compare(answer, real, number):
    real_lines = iter(plain(real).splitlines())
    for line in plain(answer).splitlines():
        if line.strip() in ("", "…"):
            continue
        pattern = ".*".join(re.escape(part) for part in line.rstrip().rstrip(",").split("…"))
        if not any(re.fullmatch(pattern + ",?", candidate.rstrip()) for candidate in real_lines):
            fail(f"the answer of block {number} has no line {line!r} at its place:\n{real}")


def run():
    with tempfile.TemporaryDirectory() as folder:
        text, expected = script(folder)
        ended = subprocess.run(["bash", "-c", text], check=False)
        names = sorted(os.listdir(folder), key=int)
        answers = [pathlib.Path(folder, name).read_text(encoding="utf-8") for name in names]
    if ended.returncode != 0:
        fail(f"block {len(answers) - 1} fails:\n{answers[-1]}")
    for number, (answer, real) in enumerate(zip(expected, answers, strict=True)):
        if answer is not None:
            compare(answer, real, number)
    print(f"{len(answers)} calls of the README answer as it says")


if __name__ == "__main__":
    if sys.argv[1] == "words":
        check_words(sys.argv[2])
    else:
        run()
