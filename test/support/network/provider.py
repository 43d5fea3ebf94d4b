"""Plays the internet provider of one uplink: it passes IP packets between two TUN devices and can drop or delay them.

Usage: provider.py NEAR FAR V4 V6. NEAR and FAR are the names of the devices that it creates, V4 and V6 the prefixes of the customer.
A line of JSON on standard input changes the faults, and each is answered by a line. The end of standard input ends the program.
It needs no queueing discipline and no firewall of the kernel: netem and nftables are missing on many machines.
"""

import fcntl
import heapq
import ipaddress
import itertools
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
TCP = 6
SYN = 0x02
LARGEST = 65_536

# `drop` lists address families whose packets vanish: 4, 6 or both. `delay_ms` is one way. Packets longer than `longest` vanish without
# an ICMP message. `loss` is the probability that a packet vanishes.
HEALTHY = {"drop": [], "delay_ms": 0, "longest": LARGEST, "loss": 0.0}


def open_tun(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


class Packet:
    """The parts of a packet that decide on its way."""

    def __init__(self, data):
        self.family = data[0] >> 4
        if self.family == 4:
            header, protocol = (data[0] & 15) * 4, data[9]
            source, target = data[12:16], data[16:20]
        else:
            header, protocol = 40, data[6]
            source, target = data[8:24], data[24:40]
        self.source = source
        self.is_tcp = protocol == TCP and len(data) >= header + 14
        if self.is_tcp:
            ends = (source, data[header : header + 2]), (target, data[header + 2 : header + 4])
            self.flow = tuple(sorted(ends))
            self.is_syn = bool(data[header + 13] & SYN)


class Provider:
    def __init__(self, prefixes):
        self.prefixes = [ipaddress.ip_network(prefix) for prefix in prefixes]
        self.faults = dict(HEALTHY)
        # The TCP connections that the address translation knows.
        self.flows = set()
        self.waiting = []
        self.numbers = itertools.count()

    def order(self, order):
        if order.pop("forget", False):
            self.flows.clear()
        unknown = order.keys() - HEALTHY.keys()
        if unknown:
            raise ValueError(f"unknown faults: {sorted(unknown)}")
        self.faults = {**HEALTHY, **order}

    def passes(self, data, is_outbound):
        faults, packet = self.faults, Packet(data)
        if packet.family in faults["drop"] or len(data) > faults["longest"]:
            return False
        # A provider passes only its customer's addresses (BCP 38), so a packet that leaves by the wrong uplink is lost.
        if is_outbound and not any(ipaddress.ip_address(packet.source) in prefix for prefix in self.prefixes):
            return False
        if packet.is_tcp:
            if packet.is_syn:
                self.flows.add(packet.flow)
            elif packet.flow not in self.flows:
                return False
        return random.random() >= faults["loss"]

    def take(self, data, source, target, is_outbound):
        if self.passes(data, is_outbound):
            due = time.monotonic() + self.faults["delay_ms"] / 1000
            heapq.heappush(self.waiting, (due, next(self.numbers), target, data))

    def deliver(self):
        while self.waiting and self.waiting[0][0] <= time.monotonic():
            _, _, target, data = heapq.heappop(self.waiting)
            try:
                os.write(target, data)
            except OSError:
                pass  # The device is down or its queue is full: the packet is lost, as in a real network.

    def patience(self):
        return max(0.0, self.waiting[0][0] - time.monotonic()) if self.waiting else None


def main():
    near_name, far_name, *prefixes = sys.argv[1:]
    near, far = open_tun(near_name), open_tun(far_name)
    provider = Provider(prefixes)
    print(json.dumps({"event": "ready"}), flush=True)
    while True:
        readable, _, _ = select.select([near, far, sys.stdin], [], [], provider.patience())
        for source, target in ((near, far), (far, near)):
            if source in readable:
                try:
                    provider.take(os.read(source, LARGEST), source, target, source == near)
                except OSError:
                    pass  # The device is down.
        if sys.stdin in readable:
            line = sys.stdin.readline()
            if not line:
                return
            number, order = json.loads(line)
            provider.order(order)
            print(json.dumps({"event": "applied", "number": number}), flush=True)
        provider.deliver()


main()
