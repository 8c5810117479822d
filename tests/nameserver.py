"""
A toy name server: example.org as its owner should have set it up, and nothing else.

python nameserver.py PORT RECORD    RECORD is what s1._domainkey.example.org says
"""

from __future__ import annotations

import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

ADDRESS = "192.0.2.25"


#: Name and type of a record, and its values as a zone file has them.
Zone = dict[tuple[str, str], list[str]]


def text(said: str) -> str:
    """Write a TXT record: strings of at most 255 octets."""
    return " ".join(f'"{said[at : at + 250]}"' for at in range(0, len(said), 250))


def zone(dkim: str) -> Zone:
    return {
        ("s1._domainkey.example.org.", "TXT"): [text(dkim)],
        ("example.org.", "TXT"): [text(f"v=spf1 ip4:{ADDRESS} -all"), text("another-use=1")],
        ("_dmarc.example.org.", "TXT"): [text("v=DMARC1; p=reject")],
        ("example.org.", "MX"): ["10 mx.example.org."],
        ("example.org.", "A"): [ADDRESS],
        ("mx.example.org.", "A"): [ADDRESS],
        ("25.2.0.192.in-addr.arpa.", "PTR"): ["mx.example.org."],
    }


def answer(question: bytes, records: Zone) -> bytes:
    asked = dns.message.from_wire(question)
    said = dns.message.make_response(asked)
    name, kind = asked.question[0].name, dns.rdatatype.to_text(asked.question[0].rdtype)
    place = name.to_text().lower()
    if found := records.get((place, kind)):
        said.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *found))
    elif not any(each == place for each, _ in records):
        said.set_rcode(dns.rcode.NXDOMAIN)
    return said.to_wire()


class Datagram(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        question, socket = self.request
        socket.sendto(answer(question, self.server.records), self.client_address)


class Stream(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        size = int.from_bytes(self.rfile.read(2), "big")
        said = answer(self.rfile.read(size), self.server.records)
        self.wfile.write(len(said).to_bytes(2, "big") + said)


class Server(socketserver.ThreadingUDPServer):
    def __init__(self, port: int, records: Zone) -> None:
        super().__init__(("127.0.0.1", port), Datagram)
        self.records = records


class StreamServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

    def __init__(self, port: int, records: Zone) -> None:
        super().__init__(("127.0.0.1", port), Stream)
        self.records = records


@contextmanager
def running(records: Zone) -> Iterator[str]:
    """Answer with *records*, which may change meanwhile; give the address to ask at."""
    with Server(0, records) as server:
        port = server.server_address[1]
        with StreamServer(port, records) as stream:
            for each in (server, stream):
                threading.Thread(target=each.serve_forever, args=(0.05,), daemon=True).start()
            yield f"127.0.0.1:{port}"
            server.shutdown()
            stream.shutdown()


if __name__ == "__main__":
    port, records = int(sys.argv[1]), zone(sys.argv[2])
    # Who waits for the stream to answer finds the datagrams ready too.
    datagrams = Server(port, records)
    threading.Thread(target=StreamServer(port, records).serve_forever, daemon=True).start()
    datagrams.serve_forever()
