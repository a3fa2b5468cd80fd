"""HTTP/2 by hand, for what no client would do."""

import socket
import struct

DATA, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE = 0, 1, 3, 4, 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def block(headers):
    """Headers as HPACK's plainest literals."""
    out = b""
    for name, value in headers:
        out += b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
    return out


def message(payload, compressed=False):
    return bytes([compressed]) + struct.pack(">I", len(payload)) + payload


class Connection:
    """A connection that reads nothing by itself and, with a window of 0, takes no response."""

    def __init__(self, address, window=65535):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(20)
        settings = struct.pack(">HI", 4, window)
        self.send(PREFACE + frame(SETTINGS, 0, 0, settings))
        while self.read()[0] != SETTINGS:
            pass
        self.send(frame(SETTINGS, 1, 0, b""))

    def send(self, data):
        """Sends, and says whether that still worked."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def begin(self, stream, method, key=None, encoding=None, more=()):
        """Begins a call of a method of the service's own, or of one that is given as a path."""
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", method if method.startswith("/") else f"/contactlists.v1.{method}"),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            *more,
        ]
        headers += [("authorization", f"Bearer {key}")] if key else []
        headers += [("grpc-encoding", encoding)] if encoding else []
        return self.send(frame(HEADERS, 4, stream, block(headers)))

    def data(self, stream, payload, last=False):
        data = b""
        for start in range(0, len(payload), 16384):
            part = payload[start : start + 16384]
            data += frame(DATA, int(last and start + len(part) == len(payload)), stream, part)
        return self.send(data)

    def read(self):
        head = self._exactly(9)
        length = int.from_bytes(head[:3], "big")
        return head[3], head[4], int.from_bytes(head[5:], "big"), self._exactly(length)

    def _exactly(self, length):
        data = b""
        while len(data) < length:
            more = self.socket.recv(length - len(data))
            if not more:
                raise ConnectionError("closed")
            data += more
        return data

    def is_closed(self):
        """Whether the service has closed the connection, by what can be read without waiting."""
        self.socket.setblocking(False)
        try:
            while True:
                if not self.socket.recv(65536):
                    return True
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(20)

    def close(self):
        self.socket.close()
