"""Build the Cython kernels; everything else about the package stands in pyproject.toml.

Each source becomes one module that runs on any machine and, on x86-64, one more for each instruction set that VARIED
names, compiled from the same C; simcluster.kernels.instructions imports the best that the machine has. What Cython
needs in every module, memory views above all, is compiled once, into SHARED: it was more than half of the build.
The modules are left beside the sources too, so that a script saved in the clone imports them there.
``SIMCLUSTER_CHECK_BOUNDS=1`` builds them all with bounds and overflow checks, for the tests.
"""

import copy
import os
import platform
import sys
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SHARED = "simcluster.kernels._shared"
VARIANTS = {
    "avx2": ["-mavx2", "-mfma"],
    "avx512": [
        "-mavx2", "-mfma", "-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw",
        "-mprefer-vector-width=512",
    ],
}  # fmt: skip
#: Only what gains: histograms are as fast with AVX2 as with AVX-512, updates wait for memory with any.
VARIED = {
    "_aggregation": ("avx2", "avx512"),
    "_codes": ("avx2", "avx512"),
    "_compression": ("avx2", "avx512"),
    "_distance": ("avx2", "avx512"),
    "_expressions": ("avx2",),
    "_gradient": ("avx2", "avx512"),
    "_histogram": ("avx2",),
    "_nearest": ("avx2", "avx512"),
    "_neighbours": ("avx2", "avx512"),
    "_network": ("avx2", "avx512"),
}

#: What is NumPy's to the last bit, where a machine adds products in one go, and rounds once less.
ROUNDED = {"_expressions": [] if sys.platform == "win32" else ["-ffp-contract=off"]}

checked = os.environ.get("SIMCLUSTER_CHECK_BOUNDS", "0") == "1"
build_dir = "build/cython-checked" if checked else "build/cython"

# -fno-trapping-math and -fno-math-errno free the vectoriser and change no result: NaN and infinity keep
# their meaning and no sum is reordered. Never -ffast-math (it does both), never -march=native.
flags = [] if sys.platform == "win32" else ["-O3", "-fno-math-errno", "-fno-trapping-math", "-g0"]


def variants(extension: Extension) -> list[Extension]:
    """Return the extensions of the same C source for the better instruction sets of this machine's family."""
    stem = extension.name.rpartition(".")[2]
    if sys.platform == "win32" or platform.machine() != "x86_64":
        return []
    made = []
    source = Path(extension.sources[0])
    for name in VARIED.get(stem, ()):
        code = source.read_text(encoding="utf-8")
        for mark in (f"PyInit_{stem}", f'"{extension.name}"'):
            code = code.replace(mark, mark.replace(stem, f"{stem}_{name}"))
        renamed = source.with_name(f"{stem}_{name}.c")
        renamed.write_text(code, encoding="utf-8")
        variant = copy.copy(extension)
        variant.name = f"{extension.name}_{name}"
        variant.sources = [renamed.as_posix()]
        variant.extra_compile_args = flags + VARIANTS[name] + ROUNDED.get(stem, [])
        made.append(variant)
    return made


class BuildBeside(build_ext):
    """Builds, and copies what it built beside the sources, as ``--inplace`` does."""

    def run(self) -> None:
        """Build all extensions."""
        super().run()
        if not self.inplace:
            self.copy_extensions_to_source()


extensions = cythonize(
    [
        Extension(
            f"simcluster.kernels.{source.stem}",
            [source.as_posix()],
            include_dirs=[np.get_include()],
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
            extra_compile_args=flags + ROUNDED.get(source.stem, []),
        )
        for source in sorted(Path("kernels").glob("*.pyx"))
    ]
    + [Extension(SHARED, ["kernels/_shared.c"], extra_compile_args=flags)],
    shared_utility_qualified_name=SHARED,
    include_path=["kernels", "."],
    build_dir=build_dir,
    show_all_warnings=False,
    compiler_directives={
        "language_level": "3",
        "cdivision": True,
        "wraparound": False,
        "boundscheck": checked,
        "initializedcheck": checked,
        "overflowcheck": checked,
    },
)

setup(
    ext_modules=[each for one in extensions for each in (one, *variants(one))],
    # The two builds differ in flags only, which distutils does not notice: always compile anew.
    options={"build_ext": {"force": True, "parallel": os.cpu_count()}},
    cmdclass={"build_ext": BuildBeside},
)
