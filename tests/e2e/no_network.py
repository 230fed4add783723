"""Run a command where there is no network but the loopback: `unshare -r -n PYTHON no_network.py COMMAND…`."""

import errno
import fcntl
import os
import socket
import struct
import sys

SIOCSIFFLAGS, IFF_UP = 0x8914, 1

if __name__ == "__main__":
    with socket.socket() as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    with socket.socket() as sock:
        assert sock.connect_ex(("192.0.2.1", 9)) == errno.ENETUNREACH, "there is a network here"
    os.execvp(sys.argv[1], sys.argv[1:])
