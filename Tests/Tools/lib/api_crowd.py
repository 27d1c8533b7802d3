"""Clients of the API that nobody wants."""

import contextlib
import os
import socket
import time


def rude_clients(path):
    """Clients that nobody wants: silent, slow, half closed, talking nonsense, or sending far too much."""
    clients = []
    for number in range(50):
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        client.setblocking(False)
        clients.append(client)
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            kind = number % 5
            if kind == 1:
                client.send(b"PUT /api/v1/vm.resize HTTP/1.1\r\nContent-Le")
            elif kind == 2:
                client.send(b"GET /api/v1/vm.info HTTP/1.1\r\nHost: x\r\n\r\n")
                client.shutdown(socket.SHUT_WR)
            elif kind == 3:
                # Never reads what it asks for.
                client.send(b"GET /api/v1/vm.info HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
    return clients


def flood(path, megabytes):
    """Sends garbage of many kinds, reconnecting where it is sent away; returns the bytes that went out."""
    beginnings = [
        b"PUT /api/v1/vm.create HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n\r\n",
        b"PUT /api/v1/vm.create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"GET /", b"",
        b"GET /api/v1/vm.info HTTP/1.1\r\nX: "]
    pieces = [os.urandom(65536), b"10000\r\n" + b"x" * 65536 + b"\r\n", b"a" * 65536, os.urandom(65536), b"y" * 65536]
    sent, deadline = 0, time.monotonic() + 60
    sockets = {}
    while sent < megabytes << 20 and time.monotonic() < deadline:
        for kind, piece in enumerate(pieces):
            try:
                if kind not in sockets:
                    sockets[kind] = socket.socket(socket.AF_UNIX)
                    sockets[kind].settimeout(1)
                    sockets[kind].connect(path)
                    sockets[kind].sendall(beginnings[kind])
                sent += sockets[kind].send(piece)
            except OSError:
                sockets.pop(kind).close()
    for left in sockets.values():
        left.close()
    return sent


def peek(client):
    with contextlib.suppress(BlockingIOError, OSError):
        return client.recv(1 << 16, socket.MSG_PEEK)
    return b""
