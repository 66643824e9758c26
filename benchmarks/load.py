"""The load generator, a process of its own: ``python -m benchmarks.load PORT`` with a workload on its standard input.

512 streams of 50 tokens a second are 25,000 reads a second beside the server on the same cores. So the loop below does
nothing but read and remember: one poll, one receive and one time stamp for each piece. It says ``ready``, waits for a
line, says ``ended`` when the last answer is in, and then reads what it has kept.
"""

from __future__ import annotations

import gc
import select
import socket
import sys
import time
from collections.abc import Iterable

import msgspec

from benchmarks.answers import read
from benchmarks.event_stream import Piece
from benchmarks.figures import Figures, figures
from benchmarks.workload import Workload

OK = b"HTTP/1.1 200"
LAST_CHUNK = b"0\r\n\r\n"
ANSWER_S = 180.0  # no answer of a benchmark takes longer
# Read into one place and copied from there: what recv() makes room for is a mapping of its own for each piece, which
# takes time, and a process may have 65,530 of them.
_BUFFER = memoryview(bytearray(262_144))


class Connection:
    """One client: sends its next request when the answer before it has ended; after a failure it sends no more."""

    def __init__(self, port: int, bodies: Iterable[bytes], key: str = "") -> None:
        self._port, self._shown = port, f"Authorization: Bearer {key}\r\n" if key else ""
        self._requests: list[bytes] = []
        for body in bodies:
            self.add(body)
        self.exchanges: list[tuple[float, list[Piece]]] = []
        self.socket = _connected(port)

    @property
    def unsent(self) -> int:
        """Count the requests that have not been sent."""
        return len(self._requests) - len(self.exchanges)

    def add(self, body: bytes) -> None:
        """Have one more request to send."""
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n{self._shown}"
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._requests.append(f"{head}{kind}".encode() + body)

    def send(self) -> None:
        """Send the next request."""
        request = self._requests[len(self.exchanges)]
        self.exchanges.append((time.perf_counter(), []))
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Read what is there; False when nothing more will come."""
        data = _BUFFER[: self.socket.recv_into(_BUFFER)].tobytes()
        pieces = self.exchanges[-1][1]
        if not data:
            return False
        pieces.append((time.perf_counter(), data))
        tail = data if len(data) >= len(LAST_CHUNK) else b"".join(piece for _, piece in pieces[-5:])
        if tail.endswith(LAST_CHUNK):
            if not self.unsent:
                return False
            self.send()
        return pieces[0][1].startswith(OK)


def drive(connections: Iterable[Connection], *, within_s: float = ANSWER_S) -> tuple[float, float]:
    """Run every connection to its end; returns wall and CPU seconds. What is unfinished in time stays unfinished."""
    began_s, cpu_s = time.perf_counter(), time.process_time()
    poll = select.epoll()
    running: dict[int, Connection] = {}
    for connection in connections:
        running[connection.socket.fileno()] = connection
        poll.register(connection.socket, select.EPOLLIN)
        connection.send()
    while running and time.perf_counter() - began_s < within_s:
        for descriptor, _ in poll.poll(1.0):
            if not _goes_on(running[descriptor]):
                poll.unregister(descriptor)
                del running[descriptor]
    poll.close()
    return time.perf_counter() - began_s, time.process_time() - cpu_s


def _goes_on(connection: Connection) -> bool:
    try:
        return connection.receive()
    except ConnectionError:
        return False


def _connected(port: int) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", port), timeout=10.0)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.setblocking(False)
    return opened


def measured(port: int, workload: Workload) -> Figures:
    """Run *workload* once the parent says so, and return what was seen."""
    bodies = workload.bodies()
    each = workload.answers
    connections = [Connection(port, bodies[at : at + each], workload.key) for at in range(0, len(bodies), each)]
    print("ready", flush=True)
    sys.stdin.readline()
    gc.disable()  # a collection in the middle would be seen as a gap
    wall_s, cpu_s = drive(connections)
    print("ended", flush=True)
    answers = [read(sent_s, pieces, tokens=workload.tokens) for one in connections for sent_s, pieces in one.exchanges]
    unsent = sum(connection.unsent for connection in connections)
    return figures(answers, unsent=unsent, wall_s=wall_s, generator_cpu_s=cpu_s)


def main() -> None:
    """Serve one workload."""
    workload = msgspec.json.decode(sys.stdin.readline(), type=Workload)
    print(msgspec.json.encode(measured(int(sys.argv[1]), workload)).decode(), flush=True)


if __name__ == "__main__":
    main()
