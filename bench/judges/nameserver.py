"""A toy name server: example.org as its owner should have set it up, and nothing else.

python nameserver.py PORT RECORD    RECORD is what s1._domainkey.example.org says
"""

from __future__ import annotations

import socketserver
import sys

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

ADDRESS = "192.0.2.25"


def zone(dkim: str) -> dict[tuple[str, str], str]:
    strings = " ".join(f'"{dkim[at : at + 250]}"' for at in range(0, len(dkim), 250))
    return {
        ("s1._domainkey.example.org.", "TXT"): strings,
        ("example.org.", "TXT"): f'"v=spf1 ip4:{ADDRESS} -all"',
        ("_dmarc.example.org.", "TXT"): '"v=DMARC1; p=reject"',
        ("example.org.", "MX"): "10 mx.example.org.",
        ("example.org.", "A"): ADDRESS,
        ("mx.example.org.", "A"): ADDRESS,
        ("25.2.0.192.in-addr.arpa.", "PTR"): "mx.example.org.",
    }


def answer(question: bytes, records: dict[tuple[str, str], str]) -> bytes:
    asked = dns.message.from_wire(question)
    said = dns.message.make_response(asked)
    name, kind = asked.question[0].name, dns.rdatatype.to_text(asked.question[0].rdtype)
    place = name.to_text().lower()
    if found := records.get((place, kind)):
        said.answer.append(dns.rrset.from_text(name, 60, "IN", kind, found))
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
    def __init__(self, port: int, records: dict[tuple[str, str], str]) -> None:
        super().__init__(("127.0.0.1", port), Datagram)
        self.records = records


class StreamServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

    def __init__(self, port: int, records: dict[tuple[str, str], str]) -> None:
        super().__init__(("127.0.0.1", port), Stream)
        self.records = records


if __name__ == "__main__":
    import threading

    port, records = int(sys.argv[1]), zone(sys.argv[2])
    threading.Thread(target=StreamServer(port, records).serve_forever, daemon=True).start()
    Server(port, records).serve_forever()
