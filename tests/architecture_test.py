#!/usr/bin/env python3
"""Keeps the source to docs/architecture.md: who may include whom, and which libraries belong to which room.

Run as architecture_test.py SOURCE_FOLDER. Each rule is first shown a tree that breaks it.
"""

import pathlib
import re
import sys
import unittest

ROOMS = {  # room: the rooms it may include
    "vault": {"vault"},
    "proxy": {"proxy"},
    "broker": {"broker", "proxy", "vault"},
    "cli": {"cli", "broker", "proxy", "vault"},
}
# The first part of an include path: where it may be known, by the start of the including path.
LIBRARIES = {
    # broker: random stand-ins, the log's keyed chain, base64. cli: only the demonstration's made-up secret.
    "sodium.h": ("vault/", "broker/", "cli/demo_"),
    "openssl": ("proxy/",),
    "boost": ("proxy/", "cli/demo_"),  # the demonstration is an origin and a client of its own
    "nghttp2": ("proxy/",),
    "idn2.h": ("proxy/",),
    "zlib.h": ("proxy/",),
    "libpsl.h": ("broker/",),
    # Never vault: no JSON parser sees a secret. proxy only writes it, in the body of a refusal.
    "nlohmann": ("proxy/refusal_response.cc", "broker/", "cli/"),
    "CLI": ("cli/",),
}
# Seconds to compile each: what other rooms include must not bring them along.
HEAVY = ("boost/", "nlohmann/", "CLI/")
DRAWERS = re.compile(r"(^|[_/])(utils?|common|helpers?|misc)([_./]|$)")
LONGEST = 450
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def room_of(path):
    return path.split("/")[0]


def includes(text):
    return [(kind == '"', name) for kind, name in INCLUDE.findall(text)]


def sources(tree):
    return {path: text for path, text in tree.items() if path.endswith((".cc", ".h"))}


def check_arrows(tree):
    for path, text in sources(tree).items():
        parts = path.split("/")
        room = parts[1] if parts[0] == "tests" and len(parts) > 2 else parts[0]
        allowed = ROOMS.get(room)
        for own, name in includes(text):
            if own and allowed and room_of(name) in ROOMS and room_of(name) not in allowed:
                yield f"{path} includes {name}: {room} must not know {room_of(name)}"


def check_link_lines(tree):
    for room, allowed in ROOMS.items():
        for other in re.findall(r"\bstandin_(vault|proxy|broker|cli)\b", tree.get(f"{room}/CMakeLists.txt", "")):
            if other not in allowed:
                yield f"{room}/CMakeLists.txt links standin_{other}"


def check_libraries(tree):
    for path, text in sources(tree).items():
        room = room_of(path)
        for own, name in includes(text):
            owners = LIBRARIES.get(room_of(name))
            if not own and room in ROOMS and owners is not None and not path.startswith(owners):
                yield f"{path} includes <{name}>: it belongs to {', '.join(owners)}"


def closure(tree, path, seen=None):
    """The system headers that an own header brings along."""
    seen = set() if seen is None else seen
    if path in seen or path not in tree:
        return
    seen.add(path)
    for own, name in includes(tree[path]):
        if own:
            yield from closure(tree, name, seen)
        else:
            yield name


def check_front_doors(tree):
    doors = {
        name
        for path, text in sources(tree).items()
        for own, name in includes(text)
        if own and room_of(name) in ROOMS and room_of(name) != room_of(path) and not path.startswith("tests/")
    }
    doors |= {f"{room}/{room}.h" for room in ROOMS}
    for door in sorted(doors):
        for heavy in closure(tree, door):
            if heavy.startswith(HEAVY):
                yield f"{door} is included by other rooms and brings <{heavy}> along"


def check_sizes(tree):
    for path, text in tree.items():
        lines = text.count("\n")
        if lines > LONGEST and not path.endswith((".md", ".json", ".txt")):
            yield f"{path} has {lines} lines, over {LONGEST}"


def check_drawers(tree):
    for path in tree:
        if DRAWERS.search(path):
            yield f"{path}: name it after its one job"


def check_guards(tree):
    for path, text in tree.items():
        if path.endswith(".h") and "#pragma once" not in text:
            yield f"{path} lacks #pragma once"


def check_ownership(tree):
    for path, text in sources(tree).items():
        if "enable_shared_from_this" in text:
            yield f"{path}: nothing keeps itself alive"


BROKEN = [  # (rule, a tree that breaks it)
    (check_arrows, {"proxy/a.cc": '#include "vault/secret.h"\n'}),
    (check_arrows, {"vault/a.h": '#include "proxy/origin.h"\n'}),
    (check_arrows, {"broker/a.cc": ' # include "cli/terminal.h"\n'}),
    (check_arrows, {"tests/proxy/a_test.cc": '#include "broker/broker.h"\n'}),
    (check_link_lines, {"vault/CMakeLists.txt": "target_link_libraries(standin_vault PUBLIC standin_proxy)"}),
    (check_libraries, {"vault/a.cc": "#include <openssl/evp.h>\n"}),
    (check_libraries, {"vault/a.cc": "#include <nlohmann/json.hpp>\n"}),
    (check_libraries, {"broker/a.cc": "#include <boost/asio.hpp>\n"}),
    (check_libraries, {"proxy/connection.cc": "#include <nlohmann/json.hpp>\n"}),
    (check_libraries, {"cli/run_command.cc": "#include <sodium.h>\n"}),
    (check_front_doors, {"proxy/proxy.h": "#include <boost/asio.hpp>\n"}),
    (
        check_front_doors,
        {
            "cli/a.cc": '#include "broker/x.h"\n',
            "broker/x.h": '#include "broker/y.h"\n',
            "broker/y.h": "#include <nlohmann/json.hpp>\n",
        },
    ),
    (check_sizes, {"proxy/a.cc": "\n" * 451}),
    (check_drawers, {"proxy/string_util.cc": ""}),
    (check_drawers, {"broker/common/a.h": ""}),
    (check_drawers, {"vault/helpers.h": ""}),
    (check_guards, {"vault/a.h": "int x;\n"}),
    (check_ownership, {"proxy/a.h": "std::enable_shared_from_this<A>"}),
]
RULES = list(dict.fromkeys(rule for rule, _ in BROKEN))
SOUND = {
    "proxy/proxy.h": '#pragma once\n#include "proxy/origin.h"\n',
    "proxy/proxy.cc": '#include <boost/asio.hpp>\n#include "proxy/proxy.h"\n',
    "cli/run_command.cc": '#include <CLI/CLI.hpp>\n#include "broker/broker.h"\n#include "vault/vault.h"\n',
    "tests/cli/run_test.cc": '#include "cli/run_command.h"\n#include "tests/fake_upstream.h"\n',
}


def read_tree(root):
    tree = {}
    for folder in [*ROOMS, "tests", "scripts", "cmake"]:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.suffix in {".cc", ".h", ".py", ".txt", ".cmake", ".sh", ""}:
                if not {"corpus", "vectors", "node_modules", "__pycache__"} & set(path.parts):
                    tree[path.relative_to(root).as_posix()] = path.read_text(encoding="utf-8")
    return tree


class Architecture(unittest.TestCase):
    root = pathlib.Path(__file__).resolve().parent.parent

    def test_each_rule_finds_what_breaks_it(self):
        for rule, tree in BROKEN:
            self.assertTrue(list(rule(tree)), f"{rule.__name__} does not see {tree}")

    def test_a_sound_tree_breaks_no_rule(self):
        for rule in RULES:
            self.assertEqual(list(rule(SOUND)), [])

    def test_the_source_keeps_every_rule(self):
        tree = read_tree(self.root)
        self.assertGreater(len(tree), 20, "this is not the source folder")
        self.assertEqual([fault for rule in RULES for fault in rule(tree)], [])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Architecture.root = pathlib.Path(sys.argv.pop(1))
    unittest.main()
