"""Builds librecur with the checkout's Makefile, and puts it into the package.

RECUR_LIBRARY=/path/to/librecur.so packs that one instead. Outside of a checkout, without it, the wheel carries none and
the package looks for the system's.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:
    from wheel.bdist_wheel import bdist_wheel

HERE = pathlib.Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]


def version() -> str:
    table = (HERE / "recur" / "_api.py").read_text()
    return ".".join(re.search(r"VERSION = \((\d+), (\d+), (\d+)\)", table).groups())


def library():
    """The library to carry, built if need be; None if there is no checkout around."""
    named = os.environ.get("RECUR_LIBRARY")
    if named:
        return pathlib.Path(named)
    built = CHECKOUT / "lib" / "librecur.so"
    if not (CHECKOUT / "include" / "recur.h").exists():
        return None
    make = os.environ.get("MAKE", "gmake" if shutil.which("gmake") else "make")
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    try:
        subprocess.run([make, "-C", str(CHECKOUT), "libs"], check=True, env=environment)
    except (OSError, subprocess.CalledProcessError) as error:
        if not built.exists():
            sys.exit(f"librecur could not be built ({error}); RECUR_LIBRARY=/path/to/librecur.so packs one that exists")
    return built


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        found = library()
        if found is None:
            print("no checkout of librecur around this folder: the package will look for the system's library")
        else:
            shutil.copyfile(found.resolve(), pathlib.Path(self.build_lib) / "recur" / "librecur.so")


class PlatformWheel(bdist_wheel):
    """For any Python 3, but for one kind of machine."""

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


class WithLibrary(Distribution):
    def has_ext_modules(self):
        return True


setup(version=version(), distclass=WithLibrary, cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})
