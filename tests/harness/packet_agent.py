"""What packet tests run in network namespaces: servers that say who they are and whom they see, and clients.

serve NAME PORT            answers on TCP, UDP and SCTP (raw, the kernel has no SCTP sockets): "NAME CLIENT-ADDRESS"
ask PROTO IP PORT COUNT TIMEOUT [SOURCE-PORT]   one JSON list: the answers, or "refused", "timeout", "error: ..."
rate PROTO IP PORT SECONDS HZ TIMEOUT           a JSON line for each question: [start, milliseconds, answer]
"""
import errno
import json
import os
import select
import socket
import struct
import sys
import threading
import time

SCTP = 132


def family_of(ip):
    return socket.AF_INET6 if ":" in ip else socket.AF_INET


def plain(address):
    """The text of a peer's address, IPv4 as IPv4."""
    return address[7:] if address.startswith("::ffff:") else address


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def sctp_packet(source, destination, tag, chunk):
    packet = struct.pack("!HHII", source, destination, tag, 0) + chunk
    return packet[:8] + struct.pack("<I", crc32c(packet)) + packet[12:]


def sctp_init(kind, tag, payload=b""):
    """INIT (1) or INIT ACK (2); the payload is a parameter that a receiver skips."""
    parameter = struct.pack("!HH", 0x8001, 4 + len(payload)) + payload + b"\0" * (-len(payload) % 4)
    body = struct.pack("!IIHHI", tag, 65536, 1, 1, 1) + (parameter if payload else b"")
    return struct.pack("!BBH", kind, 0, 4 + len(body)) + body


def sctp_payload(packet):
    """Ports, kind of the first chunk, its initiate tag, and the text in its parameter."""
    source, destination = struct.unpack("!HH", packet[:4])
    kind, tag = packet[12], struct.unpack("!I", packet[16:20])[0] if len(packet) >= 20 else 0
    text = b""
    if len(packet) > 32:
        length = struct.unpack("!H", packet[34:36])[0]
        text = packet[36 : 32 + length]
    return source, destination, kind, tag, text.decode()


def serve_tcp(name, port):
    server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=512)
    while True:
        connection, peer = server.accept()
        threading.Thread(target=answer_tcp, args=(connection, f"{name} {plain(peer[0])}"), daemon=True).start()


def answer_tcp(connection, text):
    """Each line is answered: connections may stay. The first answer does not wait for a question."""
    try:
        connection.sendall(text.encode() + b"\n")
        while connection.recv(1024):
            connection.sendall(text.encode() + b"\n")
    except OSError:
        pass
    finally:
        connection.close()


def serve_udp(name, port):
    # One socket a family: an answer must come from the address that was asked.
    sockets = []
    for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        udp = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        udp.bind((any_address, port))
        sockets.append(udp)
    while True:
        for udp in select.select(sockets, [], [])[0]:
            _, peer = udp.recvfrom(2048)
            udp.sendto(f"{name} {plain(peer[0])}".encode(), peer)


def serve_sctp(name, port):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, SCTP)
    while True:
        packet, peer = raw.recvfrom(4096)
        source, destination, kind, tag, _ = sctp_payload(packet[(packet[0] & 15) * 4 :])
        if destination == port and kind == 1:
            answer = sctp_init(2, 7, f"{name} {peer[0]}".encode())
            raw.sendto(sctp_packet(port, source, tag, answer), (peer[0], 0))


def ask_tcp(ip, port, timeout, source_port):
    connection = socket.socket(family_of(ip), socket.SOCK_STREAM)
    connection.settimeout(timeout)
    try:
        if source_port:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            connection.bind(("", source_port))
        connection.connect((ip, port))
        return connection.recv(1024).decode().strip()
    finally:
        connection.close()


def ask_udp(ip, port, timeout, source_port):
    udp = socket.socket(family_of(ip), socket.SOCK_DGRAM)
    udp.settimeout(timeout)
    try:
        if source_port:
            udp.bind(("", source_port))
        # Connected: an answer from another address is none, and "port unreachable" is told.
        udp.connect((ip, port))
        udp.send(b"?")
        return udp.recv(2048).decode()
    finally:
        udp.close()


def ask_sctp(ip, port, timeout, source_port):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, SCTP)
    own = source_port or 20000 + int.from_bytes(os.urandom(2), "big") % 40000
    try:
        raw.sendto(sctp_packet(own, port, 0, sctp_init(1, own)), (ip, 0))
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([raw], [], [], left)[0]:
                break
            packet, peer = raw.recvfrom(4096)
            source, destination, kind, _, text = sctp_payload(packet[(packet[0] & 15) * 4 :])
            if peer[0] == ip and source == port and destination == own and kind == 2:
                return text
        raise socket.timeout()
    finally:
        raw.close()


asks = {"tcp": ask_tcp, "udp": ask_udp, "sctp": ask_sctp}


def ask(protocol, ip, port, timeout, source_port=0):
    try:
        return asks[protocol](ip, port, timeout, source_port)
    except (socket.timeout, TimeoutError):
        return "timeout"
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
            return "unreachable"
        return f"error: {error}"


def rate(protocol, ip, port, seconds, hz, timeout):
    """Questions at a constant rate, whether or not those before were answered."""
    lock = threading.Lock()

    def one(start):
        answer = ask(protocol, ip, port, timeout)
        line = json.dumps([start, round((time.time() - start) * 1000, 1), answer])
        with lock:
            print(line, flush=True)

    begin = time.time()
    threads = []
    for index in range(int(seconds * hz)):
        time.sleep(max(0, begin + index / hz - time.time()))
        thread = threading.Thread(target=one, args=(time.time(),))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()


def main():
    command, *rest = sys.argv[1:]
    if command == "serve":
        name, port = rest[0], int(rest[1])
        for target in (serve_tcp, serve_udp, serve_sctp):
            threading.Thread(target=target, args=(name, port), daemon=True).start()
        time.sleep(0.05)
        print("ready", flush=True)
        sys.stdin.read()
        return
    protocol, ip, port = rest[0], rest[1], int(rest[2])
    if command == "ask":
        count, timeout, source = int(rest[3]), float(rest[4]), int(rest[5]) if len(rest) > 5 else 0
        print(json.dumps([ask(protocol, ip, port, timeout, source) for _ in range(count)]))
    else:
        rate(protocol, ip, port, float(rest[3]), float(rest[4]), float(rest[5]))


main()
