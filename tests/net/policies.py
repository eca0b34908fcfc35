"""A policy host of MTA-STS: Python's own HTTPS server in a thread, at a port of its own on 127.0.0.1."""

import contextlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from conneg.net import CertificateFiles


class PolicySite:
    """What the host answers to each GET, and what it was asked: (host, path)."""

    def __init__(self) -> None:
        self.status = 200
        self.media_type = "text/plain"
        self.body = b""
        self.location: str | None = None
        self.delay = threading.Event()
        self.delay.set()
        self.asked: list[tuple[str, str]] = []
        self.port = 0


@contextmanager
def policy_site(files: CertificateFiles) -> Iterator[PolicySite]:
    site = PolicySite()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.asked.append((self.headers["Host"], self.path))
            site.delay.wait(10)
            with contextlib.suppress(OSError):
                self.send_response(site.status)
                if site.media_type:
                    self.send_header("Content-Type", site.media_type)
                if site.location is not None:
                    self.send_header("Location", site.location)
                self.send_header("Content-Length", str(len(site.body)))
                self.end_headers()
                self.wfile.write(site.body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that does not like the certificate goes away in the handshake."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        site.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield site
        finally:
            site.delay.set()
            server.shutdown()
            thread.join()
