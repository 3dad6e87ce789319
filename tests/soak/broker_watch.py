"""What the kernel says of the broker while it is under load: memory, threads, descriptors, connections."""
import os
import statistics

LISTEN, TIME_WAIT = "0A", "06"


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def pss_of(pid):
    """KiB; None where this user may not look: the broker keeps others out, root alone passes."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    except PermissionError:
        return None


def descriptors_of(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        return None


def connections(port, ports):
    """(of clients, to origins): those that a process still holds."""
    clients = origins = 0
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in list(file)[1:]:
            _, local, remote, state, *rest = line.split()
            if state in (LISTEN, TIME_WAIT) or rest[5] == "0":
                continue
            clients += int(local.split(":")[1], 16) == port
            origins += int(remote.split(":")[1], 16) in ports
    return clients, origins


class BrokerWatch:
    def __init__(self, pid, port, ports):
        self.pid, self.port, self.ports = pid, port, set(ports)
        self.samples = []

    def look(self):
        status = status_of(self.pid)
        clients, origins = connections(self.port, self.ports)
        return {"rss": int(status["VmRSS"].split()[0]), "pss": pss_of(self.pid), "threads": int(status["Threads"]),
                "descriptors": descriptors_of(self.pid), "clients": clients, "origins": origins}

    def sample(self, at):
        self.samples.append((at, self.look()))

    def series(self, name):
        return [sample[name] for _, sample in self.samples if sample[name] is not None]

    def windows(self, name, warm_up, end):
        """The values in a window behind the warm-up, and in one as long at the end."""
        length = (end - warm_up) / 4

        def within(begin):
            return [s[name] for at, s in self.samples if begin <= at <= begin + length and s[name] is not None]
        early, late = within(warm_up), within(end - length)
        return (early, late) if early and late else None

    def told(self, name, unit=""):
        values = self.series(name)
        if not values:
            return f"{name} cannot be read by this user"
        return (f"{name} first {values[0]:,}, median {statistics.median(values):,.0f}, last {values[-1]:,},"
                f" most {max(values):,}{unit}")
