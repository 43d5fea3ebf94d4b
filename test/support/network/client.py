"""A TCP client for tests of the network: client.py, with one order a line on standard input: [host, bytes, patience in seconds].

With a host it opens a new connection to port 8883, otherwise it stays on the present one. It sends so many bytes of a TLS record of 4,096
bytes without sense. The broker answers the last one with an alert. The event `tried` says what came, and how long the connection took.
"""

import json
import socket
import sys
import time

sock = None
for line in sys.stdin:
    host, size, patience = json.loads(line)
    started = time.monotonic()
    connected_ms = None
    header = b""
    try:
        if host:
            sock = socket.create_connection((host, 8883), timeout=patience)
            connected_ms = 1000 * (time.monotonic() - started)
            header = b"\x16\x03\x01\x10\x00"
        sock.settimeout(patience)
        sock.sendall(header + b"x" * size)
        came = "an end" if sock.recv(1) == b"" else "an answer"
    except TimeoutError:
        came = "nothing"
    except OSError as error:
        came = str(error)
    print(json.dumps({"event": "tried", "came": came, "connected_ms": connected_ms}), flush=True)
