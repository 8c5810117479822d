"""Certificates of the tests' own, with whatever name and lifetime a test wants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True, slots=True)
class Issued:
    """Where they are: the authority to be believed, and the server's certificate with its key."""

    authority: Path
    server: Path


def issue(folder: Path, name: str, *, days: tuple[float, float] = (-1, 30)) -> Issued:
    """Write a server's certificate for *name*, a host or an address, valid on those days."""
    key, ours = _key(), _key()
    signer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority.example.org")])
    authority = (
        _certificate(signer, ours, days=(-400, 400))
        .issuer_name(signer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(ours, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    server = (
        _certificate(subject, key, days=days)
        .issuer_name(signer)
        .add_extension(x509.SubjectAlternativeName([_alternative(name)]), critical=False)
        .sign(ours, hashes.SHA256())
    )
    made = Issued(folder / "authority.pem", folder / "server.pem")
    made.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.server.write_bytes(server.public_bytes(serialization.Encoding.PEM) + _pem(key))
    return made


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: tuple[float, float]
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
