"""What api-test works with: the server, a client of its API, and guests that need no Linux."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import tempfile
import time

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAMS = pathlib.Path(os.environ.get("SWIFTLET_PROGRAMS") or ROOT / ".build" / "release")
DESCRIPTION = ROOT / "Sources" / "CloudHypervisor" / "cloud-hypervisor.yaml"
PATIENCE = 240
MIB = 1 << 20
GIB = 1 << 30

# Guests of a few bytes, for 64 bits: one that sleeps for ever, one that switches the machine off by the ACPI sleep control
# register, and one that writes to the serial port all the time.
SLEEPING = b"\xf4\xeb\xfd"
SWITCHING_OFF = b"\x66\xba\x00\x06\xb0\x34\xee" + SLEEPING
TALKING = b"\x66\xba\xf8\x03\xb0A\xee\xb9\x00\x00\x10\x00\xff\xc9\x75\xfc\xeb\xf4"


def write_kernel(path, code):
    """Writes an ELF executable with one segment at 16 MiB."""
    start = 0x1000000
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0x1000, start, start, len(code), len(code), 0x1000)
    path.write_bytes((header + segment).ljust(0x1000, b"\0") + code)
    return str(path)


class Refused(Exception):
    """The API refused a request."""

    def __init__(self, name, status, messages):
        super().__init__(f"{name}: {status} {messages}")
        self.status, self.messages = status, messages


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Client:
    """A client that knows of the API what its description says, and checks that all of it is true."""

    document = yaml.safe_load(DESCRIPTION.read_text())

    def __init__(self, path):
        self.connection = Connection(path)
        # As /vm.info is called in Python: vm_info.
        self.endpoints = {path.strip("/"): item for path, item in self.document["paths"].items()}

    def close(self):
        self.connection.close()

    def check(self, value, schema):
        jsonschema.Draft4Validator({"allOf": [schema], "components": self.document["components"]}).validate(value)

    def call(self, name, body=None):
        """Sends a request; returns what it is answered with.

        Raises Refused with the messages of a refusal.
        """
        (method, operation), = self.endpoints[name].items()
        text = None
        if body is not None:
            self.check(body, operation["requestBody"]["content"]["application/json"]["schema"])
            text = json.dumps(body)
        self.connection.request(method.upper(), "/api/v1/" + name, text, {"Content-Type": "application/json"} if text else {})
        answer = self.connection.getresponse()
        content = answer.read()
        described = {int(status): response for status, response in operation["responses"].items()}[answer.status]
        if "$ref" in described:
            described = self.document["components"]["responses"][described["$ref"].rpartition("/")[2]]
        value = None
        if "content" in described:
            assert answer.headers["Content-Type"] == "application/json", answer.headers
            value = json.loads(content)
            self.check(value, described["content"]["application/json"]["schema"])
        else:
            assert content == b"", content
        if answer.status >= 400:
            raise Refused(name, answer.status, value)
        return value

    def refusal(self, name, body=None):
        """The refusal of a request that must be refused."""
        try:
            self.call(name, body)
        except Refused as refused:
            return refused
        raise AssertionError(f"{name} {body} is accepted")

    def state(self):
        return self.call("vm.info")["state"]


def put_passing(path, name, requests):
    """Sends requests of one endpoint over one connection, each as (body, descriptors), as Go's httputil writes them; the
    descriptors come along with the first byte. Returns the statuses, each with the messages of a refusal."""
    answers = []
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(path)
        for body, descriptors in requests:
            text = json.dumps(body)
            head = (f"PUT /api/v1/{name} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
                    f"Content-Length: {len(text)}\r\nContent-Type: application/json\r\n\r\n")
            data = (head + text).encode()
            assert socket.send_fds(connection, [data], descriptors) == len(data)
            answer = http.client.HTTPResponse(connection, method="PUT")
            answer.begin()
            content = answer.read()
            answers.append((answer.status, json.loads(content) if content else None))
    return answers


class Server:
    """A server with a directory of its own. Use it in a `with` statement: it is gone afterwards."""

    def __init__(self, *options, program="swiftlet", command=("vmm",), qmp=False, terminal=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="swiftlet-api-"))
        self.socket = str(self.directory / "api.sock")
        self.qmp = str(self.directory / "qmp")
        if qmp:
            options += ("--qmp", "unix:" + self.qmp)
        self.log_path = self.directory / "log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAMS / program, *command, "--api-socket", self.socket, *options],
                stdin=subprocess.DEVNULL if terminal is None else terminal,
                stdout=log if terminal is None else terminal, stderr=log)
        self.clients = []
        wait_until(lambda: self.answers() or self.process.poll() is not None, "the server answers")
        assert self.process.poll() is None, self.log()

    def answers(self):
        with contextlib.suppress(OSError):
            Client(self.socket).call("vmm.ping")
            return True
        return False

    def client(self):
        self.clients.append(Client(self.socket))
        return self.clients[-1]

    def kernel(self, code=SLEEPING):
        return write_kernel(self.directory / f"kernel-{len(code)}", code)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def children(self):
        """The processes that it started and that live."""
        text = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(number) for number in text.split()]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident(self):
        return resident(self.process.pid)

    def wait(self, seconds=30):
        return self.process.wait(seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        subprocess.run(["rm", "-rf", self.directory], check=True)


class QMP:
    """A client of QMP that watches a VM."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.file = self.socket.makefile("rw")
        json.loads(self.file.readline())
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            line = json.loads(self.file.readline())
            if "event" not in line:
                return line["return"]

    def status(self):
        return self("query-status")["status"]

    def devices(self):
        return {device["data"]["id"]: device["data"] for device in self("query-memory-devices")}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


def resident(process):
    for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    return 0


def is_alive(process):
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(is_true, what, seconds=30):
    """Waits until something is true; returns the seconds that took."""
    start = time.monotonic()
    while not is_true():
        if time.monotonic() - start > seconds:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - start
