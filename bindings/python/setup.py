"""Builds librecur with the checkout's Makefile, on all cores, and puts it into the package.

A source package has those of the library's sources in native/ that this takes. No BLAS is linked, so
that a wheel needs nothing on the machine it comes to; BLAS=cblas takes this machine's.

RECUR_LIBRARY=/path/to/librecur.so packs that one instead. Without sources and without it, the wheel
carries none and the package looks for the system's. pip shows what is done here with -v; a terminal
is told about it in any case.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist
from setuptools.dist import Distribution

HERE = pathlib.Path(__file__).resolve().parent
NATIVE = HERE / "native"
CHECKOUT = NATIVE if NATIVE.exists() else HERE.parents[1]
# What of a checkout the library is made of.
SOURCES = ["Makefile", "LICENSE", "lib/librecur.map", "scripts/deps.sh", "src", "include"]
OR = "or set RECUR_LIBRARY to the path of a librecur.so that exists"
EVERY = 5  # seconds between two words about the progress


def version() -> str:
    table = (HERE / "recur" / "_api.py").read_text()
    return ".".join(re.search(r"VERSION = \((\d+), (\d+), (\d+)\)", table).groups())


def say(text) -> None:
    """A line for the log, and for the terminal, from which pip keeps the log."""
    print(f"recur: {text}", flush=True)
    if not sys.stdout.isatty():
        try:
            with open("/dev/tty", "w") as terminal:
                terminal.write(f"\r  recur: {text}\n")
        except OSError:
            pass


def cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def up_to_date(library) -> bool:
    """Whether the checkout's own library is newer than all that it is made of."""
    if not library.exists():
        return False
    sources = [CHECKOUT / "Makefile", CHECKOUT / "lib" / "librecur.map"]
    for folder in ("src", "include"):
        sources += (CHECKOUT / folder).rglob("*.*")
    return library.stat().st_mtime > max(source.stat().st_mtime for source in sources)


def build() -> pathlib.Path:
    """The library, without what a debugger needs, in a folder of its own: the checkout's own build
    stays as it is."""
    make = os.environ.get("MAKE", "gmake" if shutil.which("gmake") else "make")
    inherited = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKE")
    environment = {key: value for key, value in os.environ.items() if key not in inherited}
    target = "build/wheel/lib/librecur.so"
    flags = f"CFLAGS={os.environ.get('CFLAGS', '')} -g0"
    places = ["DIR=build/wheel", "LIB=build/wheel/lib", flags]
    places += [f"BLAS={os.environ.get('BLAS', 'none')}", "ZLIB=none"]
    command = [make, "-C", str(CHECKOUT), f"-j{cores()}", *places, target]
    say("building librecur, which takes a minute or two: " + " ".join(command))
    compiled, told = 0, time.monotonic()
    try:
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as running:
            for line in running.stdout:
                print(line, end="", flush=True)
                compiled += line.startswith("  cc ")
                if time.monotonic() - told > EVERY:
                    told = time.monotonic()
                    say(f"{compiled} files compiled")
    except OSError as error:
        sys.exit(f"{make} cannot be run ({error}): install GNU make and a C compiler, {OR}")
    if running.returncode:
        sys.exit(f"librecur could not be built; the reason stands above. Put that right, {OR}")
    return CHECKOUT / target


def library():
    """The library to carry, built if need be; None if there is no checkout around."""
    named = os.environ.get("RECUR_LIBRARY")
    if named:
        return pathlib.Path(named)
    if not (CHECKOUT / "include" / "recur.h").exists():
        return None
    own = CHECKOUT / "lib" / "librecur.so"
    return own if up_to_date(own) else build()


def strip(carried) -> None:
    """Removes what only debuggers and linkers read, which is most of it."""
    program = shutil.which(os.environ.get("STRIP", "strip"))
    if program is None:
        say("there is no strip: the library keeps what debuggers read, and is large")
    elif subprocess.run([program, "-S", "-x", str(carried)]).returncode:
        say("the library could not be stripped, and is carried as it is")


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        found = library()
        if found is None:
            say("no checkout of librecur is around this folder: the package takes the system's")
            return
        carried = pathlib.Path(self.build_lib) / "recur" / "librecur.so"
        shutil.copyfile(found.resolve(), carried)
        strip(carried)
        say(f"the package carries {found}, {carried.stat().st_size / 1e6:.1f} MB")


class WithSources(sdist):
    """With the library's sources, if there is a checkout that has them."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        if not (CHECKOUT / "include" / "recur.h").exists():
            say("no checkout of librecur is around this folder: the source package has no library")
            return
        native = pathlib.Path(base_dir).resolve() / "native"
        for name in SOURCES:
            target = native / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (CHECKOUT / name).is_dir():
                shutil.copytree(CHECKOUT / name, target)
            else:
                shutil.copy2(CHECKOUT / name, target)


class PlatformWheel(bdist_wheel):
    """For any Python 3, but for one kind of machine."""

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


class WithLibrary(Distribution):
    def has_ext_modules(self):
        return True


setup(
    version=version(),
    distclass=WithLibrary,
    cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel, "sdist": WithSources},
)
