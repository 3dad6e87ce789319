"""A stage of a test's own: a network with one address that leads nowhere else, and a hosts file by which names that
clients really use are there. So an origin can be https://api.github.com, and nothing a client does leaves the machine.

The address is none of loopback's, for which clients make exceptions: Ruby goes around every proxy to those.

No root is needed for it; where the test is root, what it starts as_a_user() is not.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from origin import Origin

STANDIN = os.path.abspath(sys.argv[1])
ADDRESS = "192.0.2.1"
NOBODY = "65534"
ENTERED = "STANDIN_TEST_STAGE"
AS_ROOT = os.environ.get(ENTERED) == "root"


def enter(*names):
    """Starts this test again on a stage where `names` are ADDRESS, unless it is there already."""
    if ENTERED in os.environ:
        return set_up(names)
    root = os.geteuid() == 0
    user = [] if root else ["--map-current-user", "--keep-caps"]
    os.environ[ENTERED] = "root" if root else "user"
    os.execvp("unshare", ["unshare", *user, "--mount", "--net", "--", *sys.orig_argv])


def set_up(names):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", ADDRESS + "/32", "dev", "lo"], check=True)
    with tempfile.NamedTemporaryFile("w") as hosts:  # what is mounted stays, without a name
        hosts.write("127.0.0.1 localhost\n" + ADDRESS + " " + " ".join(names) + "\n")
        hosts.flush()
        os.chmod(hosts.name, 0o644)
        subprocess.run(["mount", "--bind", hosts.name, "/etc/hosts"], check=True)


def as_a_user(*command):
    """The command, by a user who may nothing that other users may not."""
    who = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"] if AS_ROOT else ["--ambient-caps=-all"]
    return ["setpriv", *who, "--inh-caps=-all", "--", *command]


def give_to_the_user(folder):
    if AS_ROOT:
        os.chown(folder, int(NOBODY), int(NOBODY))


class OnStage(unittest.TestCase):
    """A user with a home and a vault, and an origin at ADDRESS that is all of `names`, whose authority is trusted."""
    names = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="standin-stage-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        os.chmod(cls.folder, 0o755)
        cls.home = os.path.join(cls.folder, "home")
        os.mkdir(cls.home)
        give_to_the_user(cls.home)
        cls.origin = Origin(cls.folder, "origin", "--address", ADDRESS, "--port", "443", names=",".join(cls.names))
        cls.addClassCleanup(cls.origin.stop)
        os.chmod(cls.origin.ca, 0o644)
        cls.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": cls.home, "SSL_CERT_FILE": cls.origin.ca,
                           "STANDIN_HOME": os.path.join(cls.home, "standin"), "LC_ALL": "C.UTF-8"}
        cls.standin("init")

    @classmethod
    def standin(cls, *words, secret="", check=True, **more):
        return subprocess.run(as_a_user(STANDIN, *words), input=secret, capture_output=True, text=True, check=check,
                              timeout=120, env=cls.environment | more, cwd=cls.home)

    def setUp(self):
        self.origin.all()

    def records(self, event):
        """What the audit log has of this event, oldest first."""
        lines = self.standin("audit", "--json").stdout.splitlines()
        return [record for record in map(json.loads, lines) if record["event"] == event]
