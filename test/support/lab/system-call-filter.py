"""system-call-filter.py UNIT FILTER: as a BPF program, what systemd lets a unit's service ask of the kernel.

Of SystemCallFilter=, RestrictNamespaces= and RestrictAddressFamilies=; the sets (@system-service and the like)
are those of the systemd that is installed here.
"""

import errno
import socket
import subprocess
import sys

import seccomp


def directives(unit: str, name: str) -> list[str]:
    return [line[len(name) + 1 :].strip() for line in open(unit) if line.startswith(f"{name}=")]


def members(name: str) -> set[str]:
    """System calls of a set, and of the sets in it."""
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", name], capture_output=True, check=True, text=True
    )
    found: set[str] = set()
    for line in listed.stdout.splitlines()[1:]:
        if line.strip() and not line.strip().startswith("#"):
            found |= members(line.strip())
    return found


def main(unit: str, output: str) -> None:
    # A list of what is allowed includes these (systemd.exec(5)).
    allowed = members("@default")
    for value in directives(unit, "SystemCallFilter"):
        named = set().union(*map(members, value.lstrip("~").split()))
        allowed = allowed - named if value.startswith("~") else allowed | named
    if directives(unit, "RestrictNamespaces") == ["yes"]:
        allowed -= {"unshare", "setns"}
    (families,) = directives(unit, "RestrictAddressFamilies")

    permit = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    for name in sorted(allowed - {"socket"}):
        try:
            permit.add_rule(seccomp.ALLOW, name)
        except RuntimeError:
            # Of a newer kernel than the library knows, or of another architecture: systemd leaves it out as well.
            pass
    for family in families.split():
        permit.add_rule(seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, getattr(socket, family)))
    with open(output, "wb") as file:
        permit.export_bpf(file)


main(*sys.argv[1:])
