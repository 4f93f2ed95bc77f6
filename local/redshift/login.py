"""Who may log in: passwords, IAM's temporary passwords, and the certificate for TLS."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import ipaddress
import os
import ssl
import time
from pathlib import Path

TLS_DAYS = 3650


def user_name(login: str) -> str:
    """The database user of a log-in name: GetClusterCredentials hands out IAM:name, or IAMA:name to create it."""
    return login.split(":", 1)[1] if login.startswith(("IAM:", "IAMA:")) else login


def temporary_password(secret: str, login: str, seconds: int) -> str:
    """A password for one log-in name that ends after some seconds; whoever knows the secret can check it."""
    ends = str(int(time.time()) + seconds)
    return f"{ends}.{_signature(secret, login, ends)}"


def is_temporary_password(secret: str, login: str, password: str) -> bool:
    """Whether the password was made by `temporary_password` for this log-in name and has not ended."""
    ends, _, signature = password.partition(".")
    right = hmac.compare_digest(signature.encode(), _signature(secret, login, ends).encode())
    return right and int(ends) > time.time()


def _signature(secret: str, login: str, ends: str) -> str:
    digest = hmac.digest(secret.encode(), f"{login}\n{ends}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def is_scram_password(verifier: str, password: str) -> bool:
    """Whether a password fits what PostgreSQL keeps of it (SCRAM-SHA-256, RFC 5802)."""
    _, iterations_and_salt, keys = verifier.split("$")
    iterations, salt = iterations_and_salt.split(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return hmac.compare_digest(stored, base64.b64decode(keys.split(":")[0]))


def tls_context(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """TLS with a certificate of our own, made once, and the file that a client has to trust (SSL_CERT_FILE)."""
    certificate, key = directory / "ca.pem", directory / "key.pem"
    if not certificate.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_certificate(certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def _make_certificate(certificate: Path, key: Path) -> None:
    # Imported here: it is needed once, and costs a tenth of a second at every start otherwise.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "local Redshift")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=TLS_DAYS))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        pkcs8, open_text = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        file.write(private.private_bytes(pem, pkcs8, open_text))
    certificate.write_bytes(signed.public_bytes(pem))  # last: its presence says that the key is there
