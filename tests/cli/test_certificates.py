"""Development certificates are what TLS clients accept, stay while they are good, and stay
private."""

import datetime
import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from cli.certificates import LOCAL_NAMES, Pair, ensure, expiry

NOW = datetime.datetime(2026, 11, 20, 12, 0, tzinfo=datetime.UTC)


def loaded(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes())


def names(certificate: x509.Certificate) -> list[str]:
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in held]


def test_every_domain_has_a_certificate_of_its_own_name_and_localhost_the_local_ones(
    tmp_path: Path,
) -> None:
    pairs = ensure(tmp_path, ["api.example.com", "*.example.org"], NOW)
    assert {domain: names(loaded(pair)) for domain, pair in pairs.items()} == {
        "localhost": list(LOCAL_NAMES),
        "api.example.com": ["api.example.com"],
        "*.example.org": ["*.example.org"],
    }


def test_leaves_are_short_lived_server_certificates_on_p256_issued_by_the_ca(
    tmp_path: Path,
) -> None:
    leaf = loaded(ensure(tmp_path, ["api.example.com"], NOW)["api.example.com"])
    ca = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    leaf.verify_directly_issued_by(ca)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= datetime.timedelta(days=825)
    key = leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    ensure(tmp_path, ["api.example.com"], NOW)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*.key")}
    assert modes == {"ca.key": 0o600, "localhost.key": 0o600, "api.example.com.key": 0o600}


def test_the_next_start_finds_the_same_certificates(tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in files(tmp_path, NOW)}
    later = NOW + datetime.timedelta(days=365)
    assert {path.name: path.read_bytes() for path in files(tmp_path, later)} == first


def files(directory: Path, now: datetime.datetime) -> list[Path]:
    ensure(directory, ["api.example.com"], now)
    return sorted(directory.iterdir())


def test_a_certificate_is_renewed_in_its_last_thirty_days_by_the_same_ca(tmp_path: Path) -> None:
    before = loaded(ensure(tmp_path, [], NOW)["localhost"])
    ca = (tmp_path / "ca.pem").read_bytes()
    late = before.not_valid_after_utc - datetime.timedelta(days=29)
    after = loaded(ensure(tmp_path, [], late)["localhost"])
    assert after.serial_number != before.serial_number
    assert after.not_valid_after_utc > late + datetime.timedelta(days=800)
    assert (tmp_path / "ca.pem").read_bytes() == ca


def test_a_new_ca_issues_every_certificate_anew(tmp_path: Path) -> None:
    ensure(tmp_path, ["api.example.com"], NOW)
    (tmp_path / "ca.key").unlink()
    pair = ensure(tmp_path, ["api.example.com"], NOW)["api.example.com"]
    ca = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    loaded(pair).verify_directly_issued_by(ca)


@pytest.mark.parametrize("damage", [b"", b"not a key", None])
def test_a_damaged_key_is_replaced(tmp_path: Path, damage: bytes | None) -> None:
    pair = ensure(tmp_path, [], NOW)["localhost"]
    before = loaded(pair).serial_number
    if damage is None:
        pair.private_key.write_bytes((tmp_path / "ca.key").read_bytes())  # a key, another's
    else:
        pair.private_key.write_bytes(damage)
    ensure(tmp_path, [], NOW)
    assert loaded(pair).serial_number != before


def test_expiry_is_read_from_the_file(tmp_path: Path) -> None:
    pair = ensure(tmp_path, [], NOW)["localhost"]
    assert expiry(pair.certificate) == loaded(pair).not_valid_after_utc


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_a_client_that_trusts_the_ca_accepts_the_server(tmp_path: Path, name: str) -> None:
    """A real handshake, with the host name checked."""
    pair = ensure(tmp_path, [], datetime.datetime.now(datetime.UTC))["localhost"]
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair.certificate, pair.private_key)
    client = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    near, far = socket.socketpair()

    def answer() -> None:
        with server.wrap_socket(far, server_side=True) as connection:
            connection.sendall(b"hello")

    thread = threading.Thread(target=answer)
    thread.start()
    with client.wrap_socket(near, server_hostname=name) as connection:
        assert connection.recv(5) == b"hello"
    thread.join()
