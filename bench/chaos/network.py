"""
Machines of their own on one: network namespaces, each with an address, on a common switch.

Needs root and iproute2. Everything is taken away again at the end, whatever happened.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: For documentation (RFC 5737): nobody outside has such an address.
SUBNET = "192.0.2"


class NoNetwork(Exception):
    """No namespaces can be made here; the text says why."""


class Network:
    """A switch, and what is plugged in."""

    def __init__(self, prefix: str) -> None:
        self._switch = f"{prefix}-lan"
        self._prefix = prefix
        self._made: list[str] = []

    def __enter__(self) -> Network:
        try:
            self._namespace(self._switch)
            _ip("-n", self._switch, "link", "add", "switch", "type", "bridge")
            _ip("-n", self._switch, "link", "set", "switch", "up")
        except (subprocess.CalledProcessError, FileNotFoundError) as e:
            self.__exit__()
            said = getattr(e, "stderr", b"") or str(e).encode()
            raise NoNetwork(said.decode().strip()) from e
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(self._made):
            with suppress(subprocess.CalledProcessError, FileNotFoundError):
                _ip("netns", "delete", name)

    def plug_in(self, name: str) -> Place:
        """Return a new machine with an address of its own."""
        namespace = f"{self._prefix}-{name}"
        self._namespace(namespace)
        address = f"{SUBNET}.{len(self._made)}"
        cable = ("peer", "name", "eth0", "netns", namespace)
        _ip("-n", self._switch, "link", "add", name, "type", "veth", *cable)
        _ip("-n", self._switch, "link", "set", name, "master", "switch", "up")
        _ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", namespace, "link", "set", "eth0", "up")
        return Place(name, namespace, address, self._switch)

    def _namespace(self, name: str) -> None:
        _ip("netns", "add", name)
        self._made.append(name)
        _ip("-n", name, "link", "set", "lo", "up")


class Place:
    """One machine: where programs run, and a cable that can be pulled."""

    def __init__(self, name: str, namespace: str, address: str, switch: str) -> None:
        self.name = name
        self.address = address
        self._namespace = namespace
        self._switch = switch

    def command(self, *words: str) -> list[str]:
        """Return the words that run a program here; its process is the one that is started."""
        return ["ip", "netns", "exec", self._namespace, *words]

    def pull(self) -> None:
        """Pull the cable: what is sent is lost, and nobody is told."""
        # At the machine's own end nothing is seen of it, as behind a switch that died.
        _ip("-n", self._switch, "link", "set", self.name, "nomaster")

    def push(self) -> None:
        """Put the cable back; calling twice is safe."""
        _ip("-n", self._switch, "link", "set", self.name, "master", "switch")


class Here(Place):
    """This machine itself, for what needs no cable."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "", "127.0.0.1", "")

    def command(self, *words: str) -> list[str]:
        return [*words]


@contextmanager
def network() -> Iterator[Network]:
    """Build a network; NoNetwork where that cannot be done."""
    if os.geteuid() != 0:
        raise NoNetwork("only root can make network namespaces")
    if shutil.which("ip") is None:
        raise NoNetwork("iproute2 is missing: apt-get install iproute2")
    with Network(f"recap{os.getpid()}") as built:
        yield built


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
