"""The development CA and one certificate for each declared domain that has none of its own.

For a laptop and for tests: whoever trusts `ca.pem` trusts this machine's key beside it. In
production the catalog names certificate files, and nothing here is used for those domains.

1. Elliptic curve P-256, at most 825 days (what Apple's clients accept from a private CA).
2. Used again at the next start; renewed when fewer than 30 days remain, when the names differ, or
   when the CA is another one.
3. Keys are never readable by others, not even for the moment between creation and chmod.
"""

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LEAF_DAYS = 825
CA_DAYS = 3650
RENEW_DAYS = 30
BACKDATE = datetime.timedelta(hours=1)  # clocks differ
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate (with its chain) and its key, as files."""

    certificate: Path
    private_key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ensure(directory: Path, domains: Sequence[str], now: datetime.datetime) -> dict[str, Pair]:
    """A certificate for each domain, made or renewed where needed, and `localhost` always.

    `now` is aware, in UTC. The CA is `directory/ca.pem`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    authority = _authority(directory, now)
    wanted: dict[str, tuple[str, ...]] = {"localhost": LOCAL_NAMES}
    wanted.update((domain, (domain,)) for domain in domains if domain != "localhost")
    return {name: _leaf(directory, name, names, authority, now) for name, names in wanted.items()}


def expiry(path: Path) -> datetime.datetime:
    """When a PEM certificate ends, in UTC. Raises OSError or ValueError when it cannot be read."""
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def _authority(directory: Path, now: datetime.datetime) -> Authority:
    pair = Pair(directory / "ca.pem", directory / "ca.key")
    found = _load(pair)
    if found is not None and _fresh(found.certificate, now):
        return found
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Clavis development CA")])
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        _builder(name, name, key.public_key(), now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _save(pair, [certificate], key)
    return Authority(certificate, key)


def _leaf(
    directory: Path, name: str, names: Sequence[str], authority: Authority, now: datetime.datetime
) -> Pair:
    stem = name.replace("*", "_")
    pair = Pair(directory / f"{stem}.pem", directory / f"{stem}.key")
    found = _load(pair)
    if found is not None and _usable(found.certificate, names, authority, now):
        return pair
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    issuer = authority.certificate.subject
    authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    certificate = (
        _builder(subject, issuer, key.public_key(), now, LEAF_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(authority_id, critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    _save(pair, [certificate, authority.certificate], key)
    return pair


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime.datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now - BACKDATE + datetime.timedelta(days=days))
    )


def _general_names(names: Sequence[str]) -> list[x509.GeneralName]:
    made: list[x509.GeneralName] = []
    for name in names:
        try:
            made.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            made.append(x509.DNSName(name))
    return made


def _fresh(certificate: x509.Certificate, now: datetime.datetime) -> bool:
    begun = certificate.not_valid_before_utc <= now
    return begun and certificate.not_valid_after_utc - now >= datetime.timedelta(days=RENEW_DAYS)


def _usable(
    certificate: x509.Certificate,
    names: Sequence[str],
    authority: Authority,
    now: datetime.datetime,
) -> bool:
    try:
        certificate.verify_directly_issued_by(authority.certificate)
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return _fresh(certificate, now) and list(held) == _general_names(names)


def _load(pair: Pair) -> Authority | None:
    """None when a file is missing, unreadable, or the two do not belong together."""
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        key = serialization.load_pem_private_key(pair.private_key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    if certificate.public_key() != key.public_key():
        return None
    return Authority(certificate, key)


def _save(pair: Pair, chain: Sequence[x509.Certificate], key: ec.EllipticCurvePrivateKey) -> None:
    """The key first: who watches the directory loads both when the certificate appears."""
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _replace(pair.private_key, private, 0o600)
    public = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain)
    _replace(pair.certificate, public, 0o644)


def _replace(path: Path, data: bytes, mode: int) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    beside.replace(path)
