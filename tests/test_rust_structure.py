"""The Rust crates know each other in one direction, and the modules of a crate, too.

A module and its parts may refer to each other; among the parts of one module there is no circle of references. Paths in
`use` and in code are followed; calls of methods are not, nor are macros.
"""

import re
import tomllib
from pathlib import Path

import pytest

RUST = Path(__file__).parent.parent / "rust"
CHECKED = ("foundation", "python", "switching")

NOT_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|\bb?r(?P<hashes>\#*)".*?"(?P=hashes)|\bb?"(?:\\.|[^"\\])*"|'(?:\\.[^']*|[^'\\])'""",
    re.S,
)
TEST_ONLY = re.compile(r"#\[cfg\(test\)\]")
USE = re.compile(r"\b(?:pub(?:\([^)]*\))?\s+)?use\s+([^;]+);")
PATH = re.compile(r"(?<![\w:$])(?:[A-Za-z_]\w*\s*::\s*)+[A-Za-z_]\w*")
MODULE = re.compile(r"\bmod\s+(\w+)\s*;")


def without_tests(code):
    """Leave out the items that are compiled for tests alone: up to the end of their braces, or to a semicolon."""
    while found := TEST_ONLY.search(code):
        depth, end = 0, len(code)
        for at in range(found.end(), len(code)):
            depth += {"{": 1, "}": -1}.get(code[at], 0)
            if depth == 0 and code[at] in ";}":
                end = at + 1
                break
        code = code[: found.start()] + code[end:]
    return code


def used_paths(tree, prefix=()):
    """Yield (name, path) of each item of a tree such as `a::{b, c as d, e::*}`; `*` has no name."""
    tree = tree.strip()
    if (brace := tree.find("{")) >= 0:
        inner = prefix + tuple(part.strip() for part in tree[:brace].split("::") if part.strip())
        depth, start, body = 0, 0, tree[brace + 1 : tree.rindex("}")]
        for at, character in enumerate(body + ","):
            depth += {"{": 1, "}": -1}.get(character, 0)
            if character == "," and depth == 0:
                if body[start:at].strip():
                    yield from used_paths(body[start:at], inner)
                start = at + 1
        return
    path, _, name = tree.partition(" as ")
    path = prefix + tuple(part.strip() for part in path.split("::"))
    if path[-1] == "self":
        path = path[:-1]
    yield name.strip() or (path[-1] if path[-1] != "*" else None), path


class Module:
    """A file of a crate: the names that it brings in, and the paths that it mentions."""

    def __init__(self, text):
        code = without_tests(NOT_CODE.sub('""', text))
        self.parts = set(MODULE.findall(code))
        self.names, self.paths = {}, []
        for tree in USE.findall(code):
            for name, path in used_paths(tree):
                self.paths.append(path)
                self.names[name] = path
        for path in PATH.findall(USE.sub("", code)):
            self.paths.append(tuple(part.strip() for part in path.split("::")))


def modules_of(files):
    """Return the modules of a crate by name, from their texts by path below `src`."""
    modules = {}
    for path, text in files.items():
        name = Path(path).with_suffix("").parts
        name = name[:-1] if name[-1] in ("lib", "mod") else name
        if name[-1:] != ("tests",) and "tests" not in name:
            modules[name] = Module(text)
    return modules


def target(modules, name, path, depth=0):
    """Return the module that a path leads to from module `name`, or None where it leaves the crate."""
    first, *rest = path
    module = modules.get(name)
    if module is None or depth > 20:
        return None
    if first == "crate":
        at = ()
    elif first == "self":
        at = name
    elif first == "super":
        at = name[:-1]
    elif first in module.parts:
        at = (*name, first)
    elif depth == 0 and first in module.names and module.names[first] != path:
        return target(modules, name, (*module.names[first], *rest), depth + 1)
    else:
        return None
    for number, part in enumerate(rest):
        if part == "super":
            at = at[:-1]
        elif (*at, part) in modules:
            at = (*at, part)
        else:
            # A name that a module only passes on belongs to the module that it is from.
            found = modules[at].names.get(part) if at in modules else None
            if found is not None:
                further = target(modules, at, (*found, *rest[number + 1 :]), depth + 1)
                return (
                    further
                    if further is not None
                    else (at if found[0] in ("crate", "self", "super") else None)
                )
            return at
    return at


def circles(files):
    """Return the circles among the parts of each module, each as a list of names, the first again at its end."""
    modules = modules_of(files)
    below = {}
    for name, module in modules.items():
        for path in module.paths:
            other = target(modules, name, path)
            if other is None:
                continue
            common = 0
            while common < min(len(name), len(other)) and name[common] == other[common]:
                common += 1
            # One of them is the other, or a part of it.
            if common == min(len(name), len(other)):
                continue
            below.setdefault(name[: common + 1], set()).add(other[: common + 1])
    found, done = [], set()

    def walk(at, trail):
        if at in trail:
            found.append(["::".join(part) for part in [*trail[trail.index(at) :], at]])
            return
        if at in done:
            return
        for other in sorted(below.get(at, ())):
            walk(other, [*trail, at])
        done.add(at)

    for name in sorted(below):
        walk(name, [])
    return found


@pytest.mark.parametrize("crate", CHECKED)
def test_no_circle_among_the_parts_of_a_module(crate):
    source = RUST / crate / "src"
    files = {path.relative_to(source).as_posix(): path.read_text("utf-8") for path in source.rglob("*.rs")}
    assert not circles(files), "\n".join(" -> ".join(circle) for circle in circles(files))


def test_the_crates_know_each_other_in_one_direction():
    known = {}
    for manifest in RUST.glob("*/Cargo.toml"):
        tables = tomllib.loads(manifest.read_text("utf-8"))
        own = [*tables.get("dependencies", ()), *tables.get("dev-dependencies", ())]
        known[manifest.parent.name] = {
            name for name in own if name in ("exact-topk", "foundation", "switching")
        }
    assert known == {
        "foundation": set(),
        "exact-topk": {"foundation"},
        "switching": {"foundation"},
        "python": {"exact-topk", "foundation", "switching"},
    }


def test_a_circle_is_found_wherever_it_is():
    files = {
        "lib.rs": "mod a;\nmod b;\nmod c;\nuse foundation::Error;\n",
        "a.rs": "mod part;\nuse crate::b::{self, Thing as Other};\n",
        "a/part.rs": "use super::super::c;\nfn f() -> super::super::Error { crate::c::go() }\n",
        "b/mod.rs": "use crate::c::X;\n",
        "c.rs": '// use crate::a;\nconst S: &str = r#"crate::a"#;\n',
    }
    assert circles(files) == []
    direct = {**files, "c.rs": "fn g() { crate::a::f(); }\n"}
    assert ["a", "b", "c", "a"] in circles(direct)
    of_tests = {
        **files,
        "c.rs": "#[cfg(test)]\nmod tests { use crate::a::f; fn g() { {} } }\nfn after() {}\n",
    }
    assert circles(of_tests) == []


def test_a_circle_through_names_that_a_module_passes_on_is_found():
    files = {
        "lib.rs": "mod m;",
        "m.rs": "mod x;\nmod y;\npub use x::X;\nuse y::Y;\n",
        "m/x.rs": "use super::Y;\npub struct X;\n",
        "m/y.rs": "pub struct Y;\n",
    }
    assert circles(files) == []
    files["m/y.rs"] = "fn f() -> super::X { todo!() }\npub struct Y;\n"
    assert circles(files) == [["m::x", "m::y", "m::x"]]


def test_a_module_and_its_parts_may_refer_to_each_other():
    files = {
        "lib.rs": "mod m;",
        "m.rs": "mod x;\nuse x::X;\npub struct M;\n",
        "m/x.rs": "use super::M;\npub struct X;\n",
    }
    assert circles(files) == []
