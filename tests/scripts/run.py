#!/usr/bin/env python3
"""Runs one CLI script: run.py STANDIN SCRIPT.txt

A script is lines; `#` begins a comment. ${WORK} is a folder of the script's own, ${STANDIN} the program.
STANDIN_HOME is ${WORK}/home to begin with; nothing else of the caller's environment is there but PATH.

  env NAME=VALUE | env NAME    sets or unsets a variable, from here on
  stdin TEXT                   what the next command reads (\\n, \\r, \\0, \\\\ as in C); without it: nothing
  stdin-repeat TEXT COUNT      the same, COUNT times
  closed stdin|stdout|stderr   closes it for the next command
  stdout-to PATH               leads stdout of the next command there
  on-terminal TEXT             the next command runs on a terminal (100 columns), and TEXT is typed when it asks;
                               all that the terminal shows counts as its stdout
  secret TEXT                  from here on no output may have TEXT in it
  sh COMMAND                   prepares something; must succeed
  unprivileged                 from here on the commands run as nobody, where the script runs as root
  small-disk PATH KIB          a disk of that size is at PATH (without leave to mount: no file may be larger)
  run COMMAND                  runs it (`standin` is the program) and keeps what it said, for:
  status N                     its exit status was N
  stdout TEXT | stderr TEXT    it said TEXT there
  stdout-in-order TEXT | TEXT… it said these, one after the other
  no-stdout TEXT | no-stderr TEXT
  stdout-empty | stderr-empty
  exists PATH | absent PATH | mode PATH OCTAL
  keep PATH | kept PATH        remembers the bytes of a file; they are the same still

After every `run` without a `status` line the status must have been 0, and all of stderr must keep the message
law (cli/messages.h): one of `standin: error|warning|hint: `, lower case, no full stop, no control byte.
"""
import ctypes
import fcntl
import os
import re
import resource
import select
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios

# A word that is all capitals is a name, as of a variable.
LAW = re.compile(r"standin: (error|warning|hint): ([^A-Z\s]|[A-Z][A-Z_]+\b)[^\x00-\x1f\x7f]*(?<!\.)")
NOBODY = 65534


class Failure(Exception):
    pass


def unescape(text):
    return text.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")


class Script:
    def __init__(self, standin, work):
        self.work = work
        self.standin = standin
        self.env = {"PATH": os.environ["PATH"], "STANDIN_HOME": work + "/home", "TMPDIR": work}
        self.secrets, self.kept = [], {}
        self.drop = {}
        self.limit = None
        self.result = None
        self.unchecked = False
        self.reset()

    def reset(self):
        self.input, self.closed, self.stdout_to, self.keys = b"", [], None, None

    def fill(self, text):
        return text.replace("${WORK}", self.work).replace("${STANDIN}", self.standin)

    # What a script says, one method a word.

    def do_env(self, rest):
        name, equals, value = rest.partition("=")
        if equals:
            self.env[name] = value
        else:
            self.env.pop(name, None)

    def do_stdin(self, rest):
        self.input = unescape(rest)

    def do_stdin_repeat(self, rest):
        text, count = rest.rsplit(" ", 1)
        self.input = unescape(text) * int(count)

    def do_closed(self, rest):
        self.closed.append(["stdin", "stdout", "stderr"].index(rest))

    def do_stdout_to(self, rest):
        self.stdout_to = rest

    def do_on_terminal(self, rest):
        self.keys = unescape(rest)

    def do_secret(self, rest):
        self.secrets.append(unescape(rest))

    def do_sh(self, rest):
        subprocess.run(["/bin/sh", "-ec", rest], check=True, cwd=self.work, env=self.env, timeout=60,
                       stdin=subprocess.DEVNULL, **self.drop)

    def do_unprivileged(self, rest):
        if os.geteuid() != 0:
            return
        self.standin = shutil.copy(self.standin, self.work + "/standin")
        for folder, _, files in os.walk(self.work):
            for path in [folder] + [os.path.join(folder, f) for f in files]:
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        self.drop = {"user": NOBODY, "group": NOBODY, "extra_groups": []}

    def do_small_disk(self, rest):
        path, kib = rest.rsplit(" ", 1)
        os.makedirs(path, 0o700, exist_ok=True)
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"size={kib}k,mode=700".encode()
        if libc.mount(b"none", path.encode(), b"tmpfs", 0, options) != 0:
            self.limit = int(kib) * 1024

    def prepare_child(self):
        for descriptor in self.closed:
            os.close(descriptor)
        if self.limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, self.limit))

    def do_run(self, rest):
        self.settle()
        words = shlex.split(rest)
        if words[0] == "standin":
            words[0] = self.standin
        if self.keys is not None:
            self.result = self.run_on_terminal(words)
        else:
            self.result = self.run_plainly(words)
        self.unchecked = True
        self.reset()
        self.check_output()

    def run_plainly(self, words):
        output = open(self.stdout_to, "wb") if self.stdout_to else subprocess.PIPE
        return subprocess.run(words, input=self.input, stdout=output, stderr=subprocess.PIPE, cwd=self.work,
                              env=self.env, timeout=120, preexec_fn=self.prepare_child, **self.drop)

    def run_on_terminal(self, words):
        keyboard, screen = os.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        child = subprocess.Popen(words, stdin=screen, stdout=screen, stderr=screen, cwd=self.work, env=self.env,
                                 start_new_session=True, **self.drop)
        os.close(screen)
        shown, keys = b"", self.keys
        try:
            while select.select([keyboard], [], [], 60)[0]:
                shown += os.read(keyboard, 65536)
                if keys and shown.endswith(b": "):
                    os.write(keyboard, keys)
                    keys = b""
        except OSError:  # EIO: nobody has the terminal any more
            pass
        finally:
            os.close(keyboard)
        return subprocess.CompletedProcess(words, child.wait(60), shown.replace(b"\r\n", b"\n"), b"")

    def said(self, stream):
        return (getattr(self.result, stream) or b"").decode("utf-8", "backslashreplace")

    def check_output(self):
        for secret in self.secrets:
            for stream in ("stdout", "stderr"):
                if secret in (getattr(self.result, stream) or b""):
                    raise Failure(f"a secret is on {stream}")
        for line in self.said("stderr").splitlines():
            if not LAW.fullmatch(line):
                raise Failure(f"not by the message law: {line!r}")

    def settle(self):
        if self.unchecked:
            self.do_status("0")

    def do_status(self, rest):
        self.unchecked = False
        if self.result.returncode != int(rest):
            raise Failure(f"status {self.result.returncode}, not {rest}")

    def expect(self, stream, text, wanted):
        if (text in self.said(stream)) != wanted:
            raise Failure(f"{stream} {'lacks' if wanted else 'has'} {text!r}")

    def do_stdout(self, rest):
        self.expect("stdout", rest, True)

    def do_stderr(self, rest):
        self.expect("stderr", rest, True)

    def do_stdout_in_order(self, rest):
        at = 0
        for text in rest.split(" | "):
            found = self.said("stdout").find(text, at)
            if found < 0:
                raise Failure(f"stdout lacks {text!r}, or has it earlier")
            at = found + len(text)

    def do_no_stdout(self, rest):
        self.expect("stdout", rest, False)

    def do_no_stderr(self, rest):
        self.expect("stderr", rest, False)

    def do_stdout_empty(self, _):
        if self.said("stdout"):
            raise Failure("stdout is not empty")

    def do_stderr_empty(self, _):
        if self.said("stderr"):
            raise Failure("stderr is not empty")

    def do_exists(self, rest):
        if not os.path.lexists(rest):
            raise Failure(f"{rest} does not exist")

    def do_absent(self, rest):
        if os.path.lexists(rest):
            raise Failure(f"{rest} exists")

    def do_mode(self, rest):
        path, mode = rest.rsplit(" ", 1)
        if os.stat(path).st_mode & 0o7777 != int(mode, 8):
            raise Failure(f"{path} has mode {os.stat(path).st_mode & 0o7777:o}")

    def do_keep(self, rest):
        self.kept[rest] = open(rest, "rb").read()

    def do_kept(self, rest):
        if open(rest, "rb").read() != self.kept[rest]:
            raise Failure(f"{rest} was changed")

    def play(self, lines):
        runs = 0
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            word, _, rest = line.partition(" ")
            runs += word == "run"
            try:
                getattr(self, "do_" + word.replace("-", "_"))(self.fill(rest))
            except (Failure, subprocess.SubprocessError, OSError) as failure:
                return self.report(number, line, failure)
        if self.unchecked and self.result.returncode != 0:
            return self.report(number, line, Failure(f"status {self.result.returncode}, not 0"))
        return 0 if runs else self.report(0, "", Failure("the script runs nothing"))

    def report(self, number, line, failure):
        print(f"line {number}: {line}\n  {failure}")
        if self.result is not None:
            print(f"  stdout: {self.said('stdout')[:2000]!r}\n  stderr: {self.said('stderr')[:2000]!r}")
        return 1


def in_namespace_that_may_mount(lines):
    """A script with a small disk runs where it may mount one, if the machine has user namespaces."""
    if "STANDIN_SCRIPT_INSIDE" in os.environ or not any(l.startswith("small-disk") for l in lines):
        return
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which("unshare") and subprocess.run(unshare + ["true"], capture_output=True).returncode == 0:
        os.environ["STANDIN_SCRIPT_INSIDE"] = "1"
        os.execvp("unshare", unshare + [sys.executable] + sys.argv)


def main():
    standin, path = os.path.abspath(sys.argv[1]), sys.argv[2]
    with open(path, encoding="utf-8") as script:
        lines = script.readlines()
    in_namespace_that_may_mount(lines)
    os.umask(0o077)
    with tempfile.TemporaryDirectory(prefix="standin-script-") as work:
        try:
            return Script(standin, os.path.realpath(work)).play(lines)
        finally:
            ctypes.CDLL(None).umount2((os.path.realpath(work) + "/disk").encode(), 2)


if __name__ == "__main__":
    sys.exit(main())
