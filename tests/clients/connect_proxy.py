"""A CONNECT proxy on loopback that demands a password, and leads every name to where the test says."""
import base64
import socket
import threading


class ConnectProxy:
    """`routes`: the port of each name. A name without one is refused as standin refuses: 403."""

    def __init__(self, routes, password="p:w/%"):
        self.routes = routes
        self.user, self.password = "standin", password
        self.asked = []  # (authority, had the right password)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        quoted = "".join(c if c.isalnum() else f"%{ord(c):02X}" for c in self.password)
        return f"http://{self.user}:{quoted}@127.0.0.1:{self.port}"

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def take(self):
        """What it was asked for since the last time; nothing may have come without the password."""
        asked, self.asked = self.asked, []
        assert all(right for _, right in asked), asked
        return [authority for authority, _ in asked]

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(4096)
                if not piece:
                    return
                head += piece
            lines = head.decode().split("\r\n")
            method, authority, _ = lines[0].split(" ")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            expected = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            right = fields.get("proxy-authorization") == f"Basic {expected}"
            self.asked.append((authority, right))
            port = self.routes.get(authority.rpartition(":")[0])
            if method != "CONNECT" or not right or port is None:
                code = "proxy_authentication_required" if not right else "egress_denied"
                status = "407 Proxy Authentication Required" if not right else "403 Forbidden"
                client.sendall(f"HTTP/1.1 {status}\r\nStandin-Error: {code}\r\nContent-Length: 0\r\n\r\n".encode())
                return
            with socket.create_connection(("127.0.0.1", port)) as origin:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=self._pump, args=(origin, client))
                back.start()
                self._pump(client, origin)
                back.join()

    @staticmethod
    def _pump(source, sink):
        try:
            while piece := source.recv(65536):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
