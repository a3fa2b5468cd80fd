"""HTTP/2 by hand, for what no client would do."""

import base64
import collections
import socket
import struct

import hpack

DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
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


def reason(headers):
    """What a call ended with, by its last headers: OK, the reason of its error, or else its status."""
    status = headers["grpc-status"]
    if status == "0":
        return "OK"
    encoded = headers.get("grpc-status-details-bin", "")
    details = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    # An ErrorInfo in an Any: the value's tag and length, then the reason's.
    _, found, info = details.partition(b"/google.rpc.ErrorInfo\x12")
    return info[3 : 3 + info[2]].decode() if found else f"status {status}"


class Connection:
    """A connection that reads nothing by itself and, with a window of 0, takes no response."""

    def __init__(self, address, window=65535):
        self.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        settings = struct.pack(">HI", 4, window)
        self.send(PREFACE + frame(SETTINGS, 0, 0, settings))
        while self.read()[0] != SETTINGS:
            pass
        self.send(frame(SETTINGS, 1, 0, b""))

    def connect(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.settimeout(20)
        self.received, self.decoder = bytearray(), hpack.Decoder()
        # How many calls ended with what.
        self.endings = collections.Counter()

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
        """The next frame."""
        while not (received := self._take()):
            self._receive()
        return received

    def is_closed(self):
        """Whether the service has closed the connection, by what can be read without waiting."""
        self.socket.setblocking(False)
        try:
            while True:
                self._receive()
                while self._take():
                    pass
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(20)

    def _receive(self):
        more = self.socket.recv(65536)
        if not more:
            raise ConnectionError("closed")
        self.received += more

    def _take(self):
        """The first frame of what was received, if it is whole."""
        end = 9 + int.from_bytes(self.received[:3], "big")
        if len(self.received) < end:
            return None
        head, payload = bytes(self.received[:9]), bytes(self.received[9:end])
        del self.received[:end]
        if head[3] == HEADERS:
            headers = dict(self.decoder.decode(payload))
            if "grpc-status" in headers:
                self.endings[reason(headers)] += 1
        return head[3], head[4], int.from_bytes(head[5:], "big"), payload

    def close(self):
        self.socket.close()
