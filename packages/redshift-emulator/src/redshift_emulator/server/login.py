"""Who may log in: passwords, IAM's temporary passwords, and the certificate for TLS."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import ipaddress
import ssl
import time
import unicodedata
from pathlib import Path

from itsdangerous import BadSignature, URLSafeSerializer

RENEWAL_SECONDS = 300 * 86_400  # a certificate is good for a year


def user_name(login: str) -> str:
    """Return the database user of a log-in name: GetClusterCredentials answers IAM:name, or IAMA:name to create it."""
    return login.split(":", 1)[1] if login.startswith(("IAM:", "IAMA:")) else login


def temporary_password(secret: str, login: str, seconds: int) -> str:
    """Return a password for one log-in name that ends after some seconds; whoever knows the secret can check it."""
    return URLSafeSerializer(secret, salt=login).dumps(int(time.time()) + seconds)


def is_temporary_password(secret: str, login: str, password: str) -> bool:
    """Return whether the password was made by `temporary_password` for this log-in name and has not ended."""
    try:
        return URLSafeSerializer(secret, salt=login).loads(password) > time.time()
    except BadSignature:
        return False


def is_right_password(kept: str, name: str, password: str) -> bool:
    """Return whether a password fits what the database keeps of it, in each of the forms of CREATE USER.

    Args:
        kept: A SCRAM verifier, md5 and a digest of password and name, or sha256|digest|salt (r_CREATE_USER.html).
        name: The user's name.
        password: What the client gave.
    """
    if kept.startswith("md5"):
        digest = hashlib.md5((password + name).encode(), usedforsecurity=False).hexdigest()
        return hmac.compare_digest(kept, f"md5{digest}")
    if kept.startswith("sha256|"):
        _, digest, salt = kept.split("|")
        return hmac.compare_digest(digest, hashlib.sha256(password.encode() + bytes.fromhex(salt)).hexdigest())
    return is_scram_password(kept, password)


def is_scram_password(verifier: str, password: str) -> bool:
    """Return whether a password fits what PostgreSQL keeps of it (SCRAM-SHA-256, RFC 5802)."""
    _, iterations_and_salt, keys = verifier.split("$")
    iterations, salt = iterations_and_salt.split(":")
    prepared = unicodedata.normalize("NFKC", password)  # SASLprep (RFC 4013), as PostgreSQL prepared it
    salted = hashlib.pbkdf2_hmac("sha256", prepared.encode(), base64.b64decode(salt), int(iterations))
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return hmac.compare_digest(stored, base64.b64decode(keys.split(":")[0]))


def tls_context(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """Return TLS with a certificate of our own, and the file that a client has to trust (SSL_CERT_FILE)."""
    certificate, key = directory / "localhost.crt", directory / "localhost.key"
    if not key.exists() or time.time() - key.stat().st_mtime > RENEWAL_SECONDS:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_certificate(certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def make_certificate(certificate: Path, key: Path) -> None:
    """Write a certificate that is good for localhost by its name and by its addresses, and its key."""
    # Imported here: it is needed once, and costs a tenth of a second at every start otherwise.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, secret.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(secret, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = secret.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key.touch(mode=0o600)
    key.write_bytes(private)
    certificate.write_bytes(signed.public_bytes(pem))
