"""A name server that knows one name: nameserver.py ADDRESS NAME V4 V6. It answers over UDP, and ends with its standard input."""

import json
import select
import socket
import struct
import sys

A, AAAA, INTERNET = 1, 28, 1
AUTHORITATIVE, NO_SUCH_NAME = 0x8580, 0x8583
TTL_S = 60


def name_of(question):
    """The name and the end of the first question."""
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode())
        at += 1 + question[at]
    return ".".join(labels), at + 1


def answer(question, name, addresses):
    asked, end = name_of(question)
    (kind,) = struct.unpack_from(">H", question, end)
    known = asked.lower() == name
    address = addresses.get(kind) if known else None
    flags = AUTHORITATIVE if known else NO_SUCH_NAME
    head = question[:2] + struct.pack(">5H", flags, 1, 1 if address else 0, 0, 0)
    # 0xC00C points to the name in the question.
    record = struct.pack(">3HIH", 0xC00C, kind, INTERNET, TTL_S, len(address)) + address if address else b""
    return head + question[12 : end + 4] + record


def main():
    address, name, v4, v6 = sys.argv[1:]
    addresses = {A: socket.inet_pton(socket.AF_INET, v4), AAAA: socket.inet_pton(socket.AF_INET6, v6)}
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    print(json.dumps({"event": "ready"}), flush=True)
    while True:
        readable, _, _ = select.select([server, sys.stdin], [], [])
        if sys.stdin in readable and not sys.stdin.readline():
            return
        if server in readable:
            question, client = server.recvfrom(512)
            server.sendto(answer(question, name, addresses), client)


main()
