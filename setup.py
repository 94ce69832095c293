"""Build the Cython kernels; everything else about the package stands in pyproject.toml.

``SIMCLUSTER_CHECK_BOUNDS=1`` builds them with bounds and overflow checks, for the tests.
"""

import os
import sys
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup

checked = os.environ.get("SIMCLUSTER_CHECK_BOUNDS", "0") == "1"

# -fno-trapping-math and -fno-math-errno free the vectoriser and change no result: NaN and infinity keep
# their meaning and no sum is reordered. Never -ffast-math (it does both), never -march=native.
flags = [] if sys.platform == "win32" else ["-O3", "-fno-math-errno", "-fno-trapping-math"]

macros = [("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")]
if checked:
    macros.append(("SIMCLUSTER_CHECK_BOUNDS", "1"))

extensions = [
    Extension(
        f"simcluster.kernels.{source.stem}",
        [source.as_posix()],
        include_dirs=[np.get_include()],
        define_macros=macros,
        extra_compile_args=flags,
    )
    for source in sorted(Path("kernels").glob("*.pyx"))
]

setup(
    ext_modules=cythonize(
        extensions,
        include_path=["kernels"],
        build_dir="build/cython-checked" if checked else "build/cython",
        compiler_directives={
            "language_level": "3",
            "cdivision": True,
            "wraparound": False,
            "boundscheck": checked,
            "initializedcheck": checked,
            "overflowcheck": checked,
        },
    ),
    # The two builds differ in flags only, which distutils does not notice: always compile anew.
    options={"build_ext": {"force": True}},
)
