"""What the processor can do, for simcluster.kernels.instructions. Compiled for any machine."""

cdef extern from *:
    """
    #if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
    static int simcluster_has_avx2(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    }
    static int simcluster_has_avx512(void) {
        return simcluster_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
            && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
    }
    #else
    static int simcluster_has_avx2(void) { return 0; }
    static int simcluster_has_avx512(void) { return 0; }
    #endif
    """
    bint has_avx2 "simcluster_has_avx2"()
    bint has_avx512 "simcluster_has_avx512"()


def processor():
    """Return the instruction sets that the processor has and kernels are built for, the best first."""
    found = []
    if has_avx512():
        found.append("avx512")
    if has_avx2():
        found.append("avx2")
    return (*found, "baseline")
