"""Self-signed certificates for the tests, made by the openssl program."""

import ipaddress
import subprocess
from pathlib import Path

from conneg.net import CertificateFiles
from tests.system import require


def make_certificate(folder: Path, name: str, *names: str) -> CertificateFiles:
    """Make a certificate and key for the hosts or addresses `names`, in files that begin with `name`."""
    require("openssl", "openssl")
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    alternatives = ",".join(f"{'IP' if _is_address(host) else 'DNS'}:{host}" for host in names)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={alternatives}",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return CertificateFiles(certificate, key, names)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
