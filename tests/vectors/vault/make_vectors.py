#!/usr/bin/env python3
"""Makes the vault's test vectors from docs/vault-format.md: a second implementation of the page.

Nothing here is random, so that running it again changes nothing. Needs libsodium's shared library
for XChaCha20-Poly1305 and Argon2id; BLAKE2b is Python's own.

    make_vectors.py FOLDER CORPUS     writes FOLDER/*.txt, and the files alone into CORPUS (for fuzzing)
"""
import base64
import ctypes
import ctypes.util
import hashlib
import pathlib
import struct
import sys

sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
assert sodium.sodium_init() >= 0

MAGIC = b"standin vault\r\n\x1a"
KEY = bytes(range(32))
DATA_KEY = bytes(range(100, 132))
VAULT_ID = bytes(range(200, 216))
OTHER_ID = bytes(range(16))
PASSPHRASE = b"correct horse battery staple"
ULL = ctypes.c_ulonglong

nonces = 0


def nonce():
    global nonces
    nonces += 1
    return hashlib.blake2b(b"nonce %d" % nonces, digest_size=24).digest()


def seal(key, plain, associated):
    n = nonce()
    out = ctypes.create_string_buffer(len(plain) + 16)
    sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
        out, None, plain, ULL(len(plain)), associated, ULL(len(associated)), None, n, key)
    return n + out.raw


def blake(data, key=b""):
    return hashlib.blake2b(data, key=key, digest_size=32).digest()


def subkey(context, number=1):
    return hashlib.blake2b(b"", key=DATA_KEY, digest_size=32, salt=struct.pack("<Q", number).ljust(16, b"\0"),
                           person=context.ljust(16, b"\0")).digest()


def label(what, vault_id=VAULT_ID):
    return b"standin.vault.1." + what + b"\0" + vault_id


def slot(kind, body, mark=0):
    return struct.pack("<BBH", kind, mark, len(body)) + body


def sealed_slot(kind, parameters, key, vault_id=VAULT_ID):
    start = struct.pack("<BBH", kind, 0, len(parameters) + 72) + parameters
    return start + seal(key, DATA_KEY, label(b"slot", vault_id) + start)


def key_slot(key=KEY, vault_id=VAULT_ID):
    return sealed_slot(1, b"", key, vault_id)


def passphrase_slot(passes=2, kib=65536, claimed=None):
    salt = bytes(range(16))
    out = ctypes.create_string_buffer(32)
    assert 0 == sodium.crypto_pwhash(out, ULL(32), PASSPHRASE, ULL(len(PASSPHRASE)), salt, ULL(passes),
                                     ctypes.c_size_t(kib * 1024), 2)
    return sealed_slot(2, struct.pack("<II", *(claimed or (passes, kib))) + salt, out.raw)


def entry(name, scope, version=1, created=1700000000, rotated=1700000000):
    return (struct.pack("<Qqq", version, created, rotated) + struct.pack("<H", len(name)) + name +
            struct.pack("<I", len(scope)) + scope)


def record(plain_entry, secret, bound_to=None, vault_id=VAULT_ID):
    e = seal(subkey(b"entries"), plain_entry, label(b"entry", vault_id))
    s = seal(subkey(b"secrets"), secret, label(b"secret", vault_id) + (bound_to or plain_entry))
    return struct.pack("<II", len(e), len(s)) + e + s


def vault(slots, records, version=1, mark=0, slot_count=None, record_count=None, extra=b"", length=None,
          digest=None, mac_key=None):
    body = b"".join(slots) + b"".join(records) + extra
    total = 48 + len(body) + 64
    head = MAGIC + struct.pack("<HBBI", version, slot_count if slot_count is not None else len(slots), mark,
                               record_count if record_count is not None else len(records))
    content = head + VAULT_ID + struct.pack("<Q", total if length is None else length) + body
    digest = digest or blake(content)
    return content + digest + blake(digest, key=mac_key or subkey(b"file-mac"))


def flipped(data, offset):
    out = bytearray(data)
    out[offset] ^= 1
    return bytes(out)


def with_right_digest(data):
    return data[:-64] + blake(data[:-64]) + data[-32:]


GITHUB = entry(b"github", b'{"origins":["api.github.com"]}', version=3, rotated=1710000000)
GITLAB = entry(b"gitlab", b"{}", created=-1)
SECRET = b"ghp_\x00\n\xff"


def vectors():
    github, gitlab = record(GITHUB, SECRET), record(GITLAB, b"glpat")
    good = vault([key_slot()], [github, gitlab])
    both = ["entry: github 3 1700000000 1710000000 " + b'{"origins":["api.github.com"]}'.hex() + " " + SECRET.hex(),
            "entry: gitlab 1 -1 1700000000 " + b"{}".hex() + " " + b"glpat".hex()]

    yield "empty", "success", vault([key_slot()], []), []
    yield "two-credentials", "success", good, both
    yield "passphrase-slot", "success", vault([passphrase_slot()], [github, gitlab]), \
        ["passphrase: " + PASSPHRASE.decode()] + both
    yield "key-slot-behind-others", "success", \
        vault([slot(9, b"of a later standin"), key_slot(key=b"k" * 32), key_slot()], [github, gitlab]), both
    yield "audit-key", "success", vault([key_slot()], []), ["audit-key: " + subkey(b"audit", 2).hex()]
    limits = entry(b"x" * 100, b"", version=2**64 - 1, created=-2**40, rotated=2**40)
    yield "entry-limits", "success", vault([key_slot()], [record(limits, b"\0")]), \
        [f"entry: {'x' * 100} {2**64 - 1} {-2**40} {2**40} - 00"]

    yield "empty-file", "truncated", b"", []
    yield "cut-in-magic", "truncated", good[:9], []
    yield "cut-in-header", "truncated", good[:40], []
    yield "cut-in-slot", "truncated", good[:60], []
    yield "cut-in-mac", "truncated", good[:-1], []
    yield "length-too-long", "truncated", vault([key_slot()], [github], length=len(good) + 1), []

    yield "newer-version", "newer version", vault([key_slot()], [github], version=2), []
    yield "newest-version", "newer version", vault([key_slot()], [github], version=65535), []
    yield "newer-version-alone", "newer version", MAGIC + b"\x02\x00", []

    yield "other-file", "corrupt magic", b"{\"not\": \"a vault\"}" * 20, []
    yield "text-mode-copy", "corrupt magic", good.replace(b"\r\n", b"\n"), []
    yield "version-zero", "corrupt header", vault([key_slot()], [github], version=0), []
    yield "no-slots", "corrupt header", vault([], [github]), []
    yield "nine-slots", "corrupt header", vault([key_slot()] * 9, []), []
    yield "header-mark", "corrupt header", vault([key_slot()], [], mark=1), []
    yield "length-too-short", "corrupt header", vault([key_slot()], [github], length=111), []
    yield "length-huge", "corrupt header", vault([key_slot()], [github], length=2**63), []
    yield "bytes-after-the-end", "corrupt end", good + b"\0", []
    yield "bytes-before-the-digest", "corrupt end", vault([key_slot()], [github], extra=b"\0"), []

    yield "slot-mark", "corrupt slot", vault([slot(1, key_slot()[4:], mark=1)], []), []
    yield "slot-too-long", "corrupt slot", vault([slot(9, bytes(4097)), key_slot()], []), []
    yield "slot-past-the-end", "corrupt slot", vault([struct.pack("<BBH", 9, 0, 100)], []), []
    yield "slot-missing", "corrupt slot", vault([key_slot()], [], slot_count=2), []
    yield "key-slot-of-wrong-length", "corrupt slot", vault([slot(1, key_slot()[4:] + b"\0")], []), []
    yield "argon2-asks-for-4-tib", "corrupt slot", \
        vault([passphrase_slot(1, 8, claimed=(1, 2**32 - 1)), key_slot()], []), []
    yield "argon2-asks-for-a-week", "corrupt slot", \
        vault([passphrase_slot(1, 8, claimed=(2**32 - 1, 65536)), key_slot()], []), []
    yield "argon2-asks-for-nothing", "corrupt slot", \
        vault([passphrase_slot(1, 8, claimed=(0, 8)), key_slot()], []), []

    yield "record-past-the-end", "corrupt record", vault([key_slot()], [github[:-1]]), []
    yield "record-missing", "corrupt record", vault([key_slot()], [github], record_count=2), []
    yield "record-count-huge", "corrupt record", vault([key_slot()], [github], record_count=2**32 - 1), []
    yield "record-entry-too-short", "corrupt record", \
        vault([key_slot()], [struct.pack("<II", 40, 41) + bytes(81)]), []
    yield "record-secret-empty", "corrupt record", vault([key_slot()], [record(GITHUB, b"")]), []
    yield "record-length-huge", "corrupt record", \
        vault([key_slot()], [struct.pack("<II", 2**32 - 1, 2**32 - 1) + bytes(200)]), []
    yield "record-in-front-of-itself", "corrupt record", vault([key_slot()], [github, github]), []
    yield "records-out-of-order", "corrupt record", vault([key_slot()], [gitlab, github]), []
    yield "record-of-another-vault", "corrupt record", \
        vault([key_slot()], [record(GITHUB, SECRET, vault_id=OTHER_ID)]), []
    yield "entry-tag-flipped", "corrupt record", vault([key_slot()], [flipped(github, 8 + 24 + len(GITHUB))]), []
    for what, name in {"empty": b"", "climbing": b"../x", "dot": b".", "option": b"-rf", "space": b"a b",
                       "newline": b"a\n", "nul": b"a\0", "accent": b"caf\xc3\xa9", "long": b"x" * 101}.items():
        yield "name-" + what, "corrupt record", \
            vault([key_slot()], [record(entry(name, b"scope of a name that is not allowed"), b"s")]), []
    yield "entry-with-bytes-after-its-end", "corrupt record", \
        vault([key_slot()], [record(GITHUB + b"\0", SECRET)]), []
    yield "entry-with-scope-past-its-end", "corrupt record", \
        vault([key_slot()], [record(GITHUB[:-1], SECRET)]), []

    yield "secret-tag-flipped", "corrupt secret", vault([key_slot()], [flipped(github, len(github) - 1)]), []
    yield "secret-of-another-name", "corrupt secret", vault([key_slot()], [record(GITHUB, SECRET, GITLAB)]), []
    wider = GITHUB.replace(b"api.github.com", b"*.evil.example")
    yield "secret-of-another-scope", "corrupt secret", vault([key_slot()], [record(wider, SECRET, GITHUB)]), []
    newer = entry(b"github", b'{"origins":["api.github.com"]}', version=4, rotated=1710000000)
    yield "secret-of-another-version", "corrupt secret", vault([key_slot()], [record(newer, SECRET, GITHUB)]), []

    yield "digest-flipped", "corrupt digest", flipped(good, len(good) - 64), []
    yield "vault-id-flipped", "corrupt digest", flipped(good, 24), []
    yield "sealed-key-flipped", "corrupt digest", flipped(good, 60), []
    yield "mac-flipped", "corrupt mac", flipped(good, len(good) - 1), []
    yield "mac-of-another-key", "corrupt mac", vault([key_slot()], [github], mac_key=subkey(b"secrets")), []
    yield "record-dropped", "corrupt mac", \
        vault([key_slot()], [github])[:-32] + good[-32:], []
    yield "slot-added", "corrupt mac", \
        vault([key_slot(), slot(9, b"a stranger's")], [github, gitlab])[:-32] + good[-32:], []

    yield "key-of-another-vault", "wrong key", vault([key_slot(key=b"k" * 32)], [github]), []
    yield "slot-of-another-vault", "wrong key", vault([key_slot(vault_id=OTHER_ID)], [github]), []
    yield "sealed-key-forged", "wrong key", with_right_digest(flipped(good, 60)), []
    yield "wrong-passphrase", "wrong key", vault([passphrase_slot()], []), ["passphrase: wrong"]
    yield "argon2-cost-lowered", "wrong key", \
        vault([passphrase_slot(2, 8192, claimed=(1, 8192))], []), ["passphrase: " + PASSPHRASE.decode()]
    yield "passphrase-slot-only", "locked out", vault([passphrase_slot(1, 8)], []), []
    yield "later-slots-only", "locked out", vault([slot(9, b"of a later standin")], []), []


def text_of(expect, data, headers):
    lines = ["expect: " + expect]
    if not any(h.startswith("passphrase:") for h in headers):
        lines.append("key: " + base64.b64encode(KEY).decode())
    hexed = data.hex()
    return "\n".join(lines + headers + [""] + [hexed[i:i + 96] for i in range(0, len(hexed), 96)]) + "\n"


def main(folder, corpus):
    for old in list(folder.glob("*.txt")) + list(corpus.iterdir()):
        old.unlink()
    for name, expect, data, headers in vectors():
        (folder / (name + ".txt")).write_text(text_of(expect, data, headers))
        if expect in ("success", "corrupt slot", "corrupt record", "truncated") and len(data) < 2000:
            (corpus / name).write_bytes(data)
    (corpus / "entry-alone").write_bytes(GITHUB)


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
