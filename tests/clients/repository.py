"""A bare git repository of one commit."""
import os
import subprocess
import tempfile


def make_repository(path, file, text):
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([*git, "init", "-q", work], check=True)
        with open(os.path.join(work, file), "w") as f:
            f.write(text)
        subprocess.run([*git, "-C", work, "add", "."], check=True)
        subprocess.run([*git, "-C", work, "commit", "-qm", file], check=True)
        subprocess.run([*git, "clone", "-q", "--bare", work, path], check=True)
