"""Build the Cython kernels; everything else about the package stands in pyproject.toml.

Each source becomes one module that runs on any machine and, on x86-64, one more for each instruction set of
VARIANTS, compiled from the same C; simcluster.kernels.instructions imports the best that the machine has.
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

VARIED = (
    "_aggregation", "_compression", "_distance", "_gradient", "_histogram", "_nearest", "_neighbours", "_network",
    "_update",
)  # fmt: skip
VARIANTS = {
    "avx2": ["-mavx2", "-mfma"],
    "avx512": [
        "-mavx2", "-mfma", "-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw",
        "-mprefer-vector-width=512",
    ],
}  # fmt: skip

checked = os.environ.get("SIMCLUSTER_CHECK_BOUNDS", "0") == "1"
build_dir = "build/cython-checked" if checked else "build/cython"

# -fno-trapping-math and -fno-math-errno free the vectoriser and change no result: NaN and infinity keep
# their meaning and no sum is reordered. Never -ffast-math (it does both), never -march=native.
flags = [] if sys.platform == "win32" else ["-O3", "-fno-math-errno", "-fno-trapping-math", "-g0"]


def variants(extension: Extension) -> list[Extension]:
    """Return the extensions of the same C source for the better instruction sets of this machine's family."""
    stem = extension.name.rpartition(".")[2]
    if stem not in VARIED or sys.platform == "win32" or platform.machine() != "x86_64":
        return []
    made = []
    source = Path(extension.sources[0])
    for name, instructions in VARIANTS.items():
        code = source.read_text(encoding="utf-8")
        for mark in (f"PyInit_{stem}", f'"{extension.name}"'):
            code = code.replace(mark, mark.replace(stem, f"{stem}_{name}"))
        renamed = source.with_name(f"{stem}_{name}.c")
        renamed.write_text(code, encoding="utf-8")
        variant = copy.copy(extension)
        variant.name = f"{extension.name}_{name}"
        variant.sources = [renamed.as_posix()]
        variant.extra_compile_args = flags + instructions
        made.append(variant)
    return made


extensions = cythonize(
    [
        Extension(
            f"simcluster.kernels.{source.stem}",
            [source.as_posix()],
            include_dirs=[np.get_include()],
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
            extra_compile_args=flags,
        )
        for source in sorted(Path("kernels").glob("*.pyx"))
    ],
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
    options={"build_ext": {"force": True, "parallel": 2}},
)
