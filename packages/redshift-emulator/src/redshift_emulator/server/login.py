"""Who may log in: passwords, IAM's temporary passwords, and the certificate for TLS."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
import time
from pathlib import Path

from itsdangerous import BadSignature, URLSafeSerializer

RENEWAL_SECONDS = 300 * 86_400  # a certificate is good for a year


def user_name(login: str) -> str:
    """The database user of a log-in name: GetClusterCredentials hands out IAM:name, or IAMA:name to create it."""
    return login.split(":", 1)[1] if login.startswith(("IAM:", "IAMA:")) else login


def temporary_password(secret: str, login: str, seconds: int) -> str:
    """A password for one log-in name that ends after some seconds; whoever knows the secret can check it."""
    return URLSafeSerializer(secret, salt=login).dumps(int(time.time()) + seconds)


def is_temporary_password(secret: str, login: str, password: str) -> bool:
    """Whether the password was made by `temporary_password` for this log-in name and has not ended."""
    try:
        return URLSafeSerializer(secret, salt=login).loads(password) > time.time()
    except BadSignature:
        return False


def is_scram_password(verifier: str, password: str) -> bool:
    """Whether a password fits what PostgreSQL keeps of it (SCRAM-SHA-256, RFC 5802)."""
    _, iterations_and_salt, keys = verifier.split("$")
    iterations, salt = iterations_and_salt.split(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return hmac.compare_digest(stored, base64.b64decode(keys.split(":")[0]))


def tls_context(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """TLS with a certificate of our own, and the file that a client has to trust (SSL_CERT_FILE)."""
    certificate, key = directory / "localhost.crt", directory / "localhost.key"
    if not key.exists() or time.time() - key.stat().st_mtime > RENEWAL_SECONDS:
        # Imported here: it is needed once, and costs a tenth of a second at every start otherwise.
        from werkzeug.serving import make_ssl_devcert

        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_ssl_devcert(str(directory / "localhost"), cn="localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
