"""Lanes: the doubles that one instruction works on, on any machine.

A ``lanes`` is the 8, 4 or 2 doubles of a vector register (AVX-512, AVX2, any other machine with GCC or
Clang) and a plain double elsewhere: LANES says how many. Cython takes it for a double, so the kernels add,
multiply and divide lanes in the usual letters. setup.py compiles each kernel once per instruction set, and
simcluster.kernels.instructions picks the best that the machine has. A function that returns ``inlined`` is
always part of its caller: no lanes cross a call.
"""

from libc.stdint cimport uint64_t


cdef extern from *:
    """
    #ifndef SIMCLUSTER_LANES
    #define SIMCLUSTER_LANES
    #include <math.h>
    #include <stdint.h>
    #if defined(__SSE2__)
    #include <immintrin.h>
    #endif

    #if defined(__GNUC__) || defined(__clang__)
    #define SIMCLUSTER_INLINE inline __attribute__((always_inline))
    #define SIMCLUSTER_SEPARATE __attribute__((noinline))
    #else
    #define SIMCLUSTER_INLINE __inline
    #define SIMCLUSTER_SEPARATE __declspec(noinline)
    #endif

    #if defined(__AVX512F__)
    #define SIMCLUSTER_INSTRUCTIONS "avx512"
    #elif defined(__AVX2__) && defined(__FMA__)
    #define SIMCLUSTER_INSTRUCTIONS "avx2"
    #else
    #define SIMCLUSTER_INSTRUCTIONS "baseline"
    #endif

    #if defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 12)
    #if defined(__AVX512F__)
    #define SIMCLUSTER_WIDTH 8
    #define SIMCLUSTER_EACH(x) {x(0), x(1), x(2), x(3), x(4), x(5), x(6), x(7)}
    #elif defined(__AVX__)
    #define SIMCLUSTER_WIDTH 4
    #define SIMCLUSTER_EACH(x) {x(0), x(1), x(2), x(3)}
    #else
    #define SIMCLUSTER_WIDTH 2
    #define SIMCLUSTER_EACH(x) {x(0), x(1)}
    #endif
    #define SIMCLUSTER_BYTES (8 * SIMCLUSTER_WIDTH)
    typedef double simcluster_lanes __attribute__((vector_size(SIMCLUSTER_BYTES)));
    typedef int64_t simcluster_bits __attribute__((vector_size(SIMCLUSTER_BYTES)));
    typedef double simcluster_unaligned __attribute__((vector_size(SIMCLUSTER_BYTES), aligned(8), may_alias));

    static SIMCLUSTER_INLINE simcluster_lanes simcluster_load(const double *p) {
        return *(const simcluster_unaligned *) p;
    }
    static SIMCLUSTER_INLINE void simcluster_store(double *p, simcluster_lanes v) {
        *(simcluster_unaligned *) p = v;
    }
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_splat(double x) {
    #define SIMCLUSTER_SAME(i) x
        return (simcluster_lanes) SIMCLUSTER_EACH(SIMCLUSTER_SAME);
    }
    /* a < b ? x : y, lane by lane; y where a or b is NaN */
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_where_less(
        simcluster_lanes a, simcluster_lanes b, simcluster_lanes x, simcluster_lanes y
    ) {
    #if defined(__AVX512F__)
        return (simcluster_lanes) _mm512_mask_blend_pd(
            _mm512_cmp_pd_mask((__m512d) a, (__m512d) b, _CMP_LT_OQ), (__m512d) y, (__m512d) x);
    #elif defined(__AVX__)
        return (simcluster_lanes) _mm256_blendv_pd((__m256d) y, (__m256d) x, (__m256d) (a < b));
    #else
        simcluster_bits less = (simcluster_bits) (a < b);
        return (simcluster_lanes) ((less & (simcluster_bits) x) | (~less & (simcluster_bits) y));
    #endif
    }
    /* the lesser and the greater of each pair; b where one is NaN */
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_min(simcluster_lanes a, simcluster_lanes b) {
    #if defined(__AVX512F__)
        return (simcluster_lanes) _mm512_min_pd((__m512d) a, (__m512d) b);
    #elif defined(__AVX__)
        return (simcluster_lanes) _mm256_min_pd((__m256d) a, (__m256d) b);
    #else
        return simcluster_where_less(a, b, a, b);
    #endif
    }
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_max(simcluster_lanes a, simcluster_lanes b) {
    #if defined(__AVX512F__)
        return (simcluster_lanes) _mm512_max_pd((__m512d) a, (__m512d) b);
    #elif defined(__AVX__)
        return (simcluster_lanes) _mm256_max_pd((__m256d) a, (__m256d) b);
    #else
        return simcluster_where_less(b, a, a, b);
    #endif
    }
    /* which lanes of a are less than those of b: bit i for lane i */
    static SIMCLUSTER_INLINE unsigned simcluster_less(simcluster_lanes a, simcluster_lanes b) {
    #if defined(__AVX512F__)
        return _mm512_cmp_pd_mask((__m512d) a, (__m512d) b, _CMP_LT_OQ);
    #elif defined(__AVX__)
        return (unsigned) _mm256_movemask_pd((__m256d) (a < b));
    #elif defined(__SSE2__)
        return (unsigned) _mm_movemask_pd((__m128d) (a < b));
    #else
        return (unsigned) (a[0] < b[0]) | (unsigned) (a[1] < b[1]) << 1;
    #endif
    }
    /* in which lanes a or b is NaN */
    static SIMCLUSTER_INLINE unsigned simcluster_nan(simcluster_lanes a, simcluster_lanes b) {
    #if defined(__AVX512F__)
        return _mm512_cmp_pd_mask((__m512d) a, (__m512d) b, _CMP_UNORD_Q);
    #elif defined(__AVX__)
        return (unsigned) _mm256_movemask_pd(_mm256_cmp_pd((__m256d) a, (__m256d) b, _CMP_UNORD_Q));
    #elif defined(__SSE2__)
        return (unsigned) _mm_movemask_pd(_mm_cmpunord_pd((__m128d) a, (__m128d) b));
    #else
        return (unsigned) (isnan(a[0]) || isnan(b[0])) | (unsigned) (isnan(a[1]) || isnan(b[1])) << 1;
    #endif
    }
    /* zero in all lanes but the last / the first *count*, whatever stood there */
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_keep_last(simcluster_lanes v, Py_ssize_t count) {
    #define SIMCLUSTER_FROM_END(i) (SIMCLUSTER_WIDTH - 1 - i)
        simcluster_bits place = SIMCLUSTER_EACH(SIMCLUSTER_FROM_END);
        return (simcluster_lanes) ((simcluster_bits) (place < (int64_t) count) & (simcluster_bits) v);
    }
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_keep_first(simcluster_lanes v, Py_ssize_t count) {
    #define SIMCLUSTER_PLACE(i) (i)
        simcluster_bits place = SIMCLUSTER_EACH(SIMCLUSTER_PLACE);
        return (simcluster_lanes) ((simcluster_bits) (place < (int64_t) count) & (simcluster_bits) v);
    }
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_abs(simcluster_lanes v) {
        return (simcluster_lanes) ((simcluster_bits) v & INT64_MAX);
    }
    /* The sum of the lanes by adding halves, and the sums of as many lanes as there are places, one in each. */
    #define SIMCLUSTER_MIX __builtin_shufflevector
    #if SIMCLUSTER_WIDTH == 8
    static SIMCLUSTER_INLINE double simcluster_total(simcluster_lanes v) {
        return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
    }
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_totals(const simcluster_lanes *a) {
        simcluster_lanes s[4], t[2];
        for (int i = 0; i < 4; i++)
            s[i] = SIMCLUSTER_MIX(a[2 * i], a[2 * i + 1], 0, 1, 2, 3, 8, 9, 10, 11)
                 + SIMCLUSTER_MIX(a[2 * i], a[2 * i + 1], 4, 5, 6, 7, 12, 13, 14, 15);
        for (int i = 0; i < 2; i++)
            t[i] = SIMCLUSTER_MIX(s[2 * i], s[2 * i + 1], 0, 1, 4, 5, 8, 9, 12, 13)
                 + SIMCLUSTER_MIX(s[2 * i], s[2 * i + 1], 2, 3, 6, 7, 10, 11, 14, 15);
        return SIMCLUSTER_MIX(t[0], t[1], 0, 2, 4, 6, 8, 10, 12, 14)
             + SIMCLUSTER_MIX(t[0], t[1], 1, 3, 5, 7, 9, 11, 13, 15);
    }
    /* the least of each of as many lanes as there are places, one in each: as simcluster_totals */
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_lowests(const simcluster_lanes *a) {
        simcluster_lanes s[4], t[2];
        for (int i = 0; i < 4; i++)
            s[i] = simcluster_min(SIMCLUSTER_MIX(a[2 * i], a[2 * i + 1], 0, 1, 2, 3, 8, 9, 10, 11),
                                  SIMCLUSTER_MIX(a[2 * i], a[2 * i + 1], 4, 5, 6, 7, 12, 13, 14, 15));
        for (int i = 0; i < 2; i++)
            t[i] = simcluster_min(SIMCLUSTER_MIX(s[2 * i], s[2 * i + 1], 0, 1, 4, 5, 8, 9, 12, 13),
                                  SIMCLUSTER_MIX(s[2 * i], s[2 * i + 1], 2, 3, 6, 7, 10, 11, 14, 15));
        return simcluster_min(SIMCLUSTER_MIX(t[0], t[1], 0, 2, 4, 6, 8, 10, 12, 14),
                              SIMCLUSTER_MIX(t[0], t[1], 1, 3, 5, 7, 9, 11, 13, 15));
    }
    #elif SIMCLUSTER_WIDTH == 4
    static SIMCLUSTER_INLINE double simcluster_total(simcluster_lanes v) { return (v[0] + v[2]) + (v[1] + v[3]); }
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_totals(const simcluster_lanes *a) {
        simcluster_lanes s = SIMCLUSTER_MIX(a[0], a[1], 0, 1, 4, 5) + SIMCLUSTER_MIX(a[0], a[1], 2, 3, 6, 7);
        simcluster_lanes t = SIMCLUSTER_MIX(a[2], a[3], 0, 1, 4, 5) + SIMCLUSTER_MIX(a[2], a[3], 2, 3, 6, 7);
        return SIMCLUSTER_MIX(s, t, 0, 2, 4, 6) + SIMCLUSTER_MIX(s, t, 1, 3, 5, 7);
    }
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_lowests(const simcluster_lanes *a) {
        simcluster_lanes s, t;
        s = simcluster_min(SIMCLUSTER_MIX(a[0], a[1], 0, 1, 4, 5), SIMCLUSTER_MIX(a[0], a[1], 2, 3, 6, 7));
        t = simcluster_min(SIMCLUSTER_MIX(a[2], a[3], 0, 1, 4, 5), SIMCLUSTER_MIX(a[2], a[3], 2, 3, 6, 7));
        return simcluster_min(SIMCLUSTER_MIX(s, t, 0, 2, 4, 6), SIMCLUSTER_MIX(s, t, 1, 3, 5, 7));
    }
    #else
    static SIMCLUSTER_INLINE double simcluster_total(simcluster_lanes v) { return v[0] + v[1]; }
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_totals(const simcluster_lanes *a) {
        return SIMCLUSTER_MIX(a[0], a[1], 0, 2) + SIMCLUSTER_MIX(a[0], a[1], 1, 3);
    }
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_lowests(const simcluster_lanes *a) {
        return simcluster_min(SIMCLUSTER_MIX(a[0], a[1], 0, 2), SIMCLUSTER_MIX(a[0], a[1], 1, 3));
    }
    #endif
    /* the least of the lanes */
    static SIMCLUSTER_INLINE double simcluster_lowest(simcluster_lanes v) {
    #if defined(__AVX512F__)
        return _mm512_reduce_min_pd((__m512d) v);
    #elif defined(__AVX__)
        __m128d low = _mm_min_pd(_mm256_castpd256_pd128((__m256d) v), _mm256_extractf128_pd((__m256d) v, 1));
        return _mm_cvtsd_f64(_mm_min_sd(low, _mm_unpackhi_pd(low, low)));
    #else
        return v[0] < v[1] ? v[0] : v[1];
    #endif
    }
    #define simcluster_first(bits) __builtin_ctz(bits)
    #define simcluster_first_of_word(word) __builtin_ctzll(word)
    #define simcluster_count_bits(word) __builtin_popcountll(word)
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_sqrt(simcluster_lanes v) {
        for (int i = 0; i < SIMCLUSTER_WIDTH; i++) v[i] = sqrt(v[i]);
        return v;
    }
    /* the nearest whole number, halves to even, for |v| < 2^51 */
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_round(simcluster_lanes v) {
        return (v + 6755399441055744.0) - 6755399441055744.0;
    }
    /* e^v for v <= 0, to 1 ulp: e^v = 2^n e^r with |r| <= ln2/2, and the series of e^r.
       0 below e^-708 (no subnormal results); NaN stays NaN. */
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_exp(simcluster_lanes v) {
        const double magic = 6755399441055744.0;  /* 1.5 2^52: its low bits become n */
        simcluster_lanes k = v * 1.4426950408889634 + magic, n = k - magic;
        simcluster_lanes r = v - n * 0.693147180369123816490, p;
        simcluster_bits normal = (simcluster_bits) (v >= -708.0), nan = (simcluster_bits) (v != v);
        r = r - n * 1.90821492927058770002e-10;
        p = r * (1.0 / 6227020800.0) + 1.0 / 479001600.0;
        p = p * r + 1.0 / 39916800.0;
        p = p * r + 1.0 / 3628800.0;
        p = p * r + 1.0 / 362880.0;
        p = p * r + 1.0 / 40320.0;
        p = p * r + 1.0 / 5040.0;
        p = p * r + 1.0 / 720.0;
        p = p * r + 1.0 / 120.0;
        p = p * r + 1.0 / 24.0;
        p = p * r + 1.0 / 6.0;
        p = p * r + 0.5;
        p = p * r + 1.0;
        p = p * r + 1.0;
        p = (simcluster_lanes) ((simcluster_bits) p + ((simcluster_bits) k << 52));
        return (simcluster_lanes) (((simcluster_bits) p & normal) | ((simcluster_bits) v & nan));
    }
    /* tanh, to 3 ulp: -m / (m + 2) with m = e^{-2|v|} - 1 = 2^n (e^r - 1) + 2^n - 1, which keeps its digits near 0;
       1 beyond 20; NaN stays NaN */
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_tanh(simcluster_lanes v) {
        const double magic = 6755399441055744.0;
        simcluster_bits sign = (simcluster_bits) v & INT64_MIN;
        simcluster_lanes a = simcluster_min(simcluster_splat(20.0), simcluster_abs(v)) * -2.0;
        simcluster_lanes k = a * 1.4426950408889634 + magic, n = k - magic, one = simcluster_splat(1.0);
        simcluster_lanes r = a - n * 0.693147180369123816490, p, m;
        r = r - n * 1.90821492927058770002e-10;
        p = r * (1.0 / 6227020800.0) + 1.0 / 479001600.0;
        p = p * r + 1.0 / 39916800.0;
        p = p * r + 1.0 / 3628800.0;
        p = p * r + 1.0 / 362880.0;
        p = p * r + 1.0 / 40320.0;
        p = p * r + 1.0 / 5040.0;
        p = p * r + 1.0 / 720.0;
        p = p * r + 1.0 / 120.0;
        p = p * r + 1.0 / 24.0;
        p = p * r + 1.0 / 6.0;
        p = p * r + 0.5;
        p = p * (r * r) + r;
        n = (simcluster_lanes) ((simcluster_bits) one + ((simcluster_bits) k << 52));
        m = n * p + (n - 1.0);
        return (simcluster_lanes) (((simcluster_bits) (m / (m + 2.0)) & INT64_MAX) | sign);
    }
    #else
    #define SIMCLUSTER_WIDTH 1
    typedef double simcluster_lanes;
    static SIMCLUSTER_INLINE double simcluster_load(const double *p) { return *p; }
    static SIMCLUSTER_INLINE void simcluster_store(double *p, double v) { *p = v; }
    static SIMCLUSTER_INLINE double simcluster_splat(double x) { return x; }
    static SIMCLUSTER_INLINE double simcluster_where_less(double a, double b, double x, double y) {
        return a < b ? x : y;
    }
    static SIMCLUSTER_INLINE double simcluster_min(double a, double b) { return a < b ? a : b; }
    static SIMCLUSTER_INLINE double simcluster_max(double a, double b) { return b < a ? a : b; }
    static SIMCLUSTER_INLINE unsigned simcluster_less(double a, double b) { return a < b; }
    static SIMCLUSTER_INLINE unsigned simcluster_nan(double a, double b) { return a != a || b != b; }
    static SIMCLUSTER_INLINE double simcluster_keep_last(double v, Py_ssize_t count) { return count < 1 ? 0.0 : v; }
    static SIMCLUSTER_INLINE double simcluster_keep_first(double v, Py_ssize_t count) { return count < 1 ? 0.0 : v; }
    static SIMCLUSTER_INLINE double simcluster_abs(double v) { return fabs(v); }
    static SIMCLUSTER_INLINE double simcluster_total(double v) { return v; }
    static SIMCLUSTER_INLINE double simcluster_totals(const double *a) { return a[0]; }
    static SIMCLUSTER_INLINE double simcluster_lowest(double v) { return v; }
    static SIMCLUSTER_INLINE double simcluster_lowests(const double *a) { return a[0]; }
    static SIMCLUSTER_INLINE int simcluster_first(unsigned bits) {
        int place = 0;
        while (!(bits >> place & 1)) place++;
        return place;
    }
    static SIMCLUSTER_INLINE int simcluster_first_of_word(uint64_t word) {
        int place = 0;
        while (!(word >> place & 1)) place++;
        return place;
    }
    static SIMCLUSTER_INLINE int simcluster_count_bits(uint64_t word) {
        int count = 0;
        for (; word; word &= word - 1) count++;
        return count;
    }
    static SIMCLUSTER_INLINE double simcluster_round(double v) { return (v + 6755399441055744.0) - 6755399441055744.0; }
    static SIMCLUSTER_INLINE double simcluster_sqrt(double v) { return sqrt(v); }
    static SIMCLUSTER_INLINE double simcluster_exp(double v) { return v < -708.0 ? 0.0 : exp(v); }
    static SIMCLUSTER_INLINE double simcluster_tanh(double v) { return tanh(v); }
    #endif

    /* Rows of a tile of dot products, as registers allow: 8 x 2 lanes of the 32 of AVX-512, 4 x 2 of 16. */
    #if defined(__AVX512F__)
    #define SIMCLUSTER_TILE 8
    #else
    #define SIMCLUSTER_TILE 4
    #endif

    /* begin to load the line of p, wherever it is: a hint, never a fault */
    static SIMCLUSTER_INLINE void simcluster_prefetch(const double *p) {
    #if defined(__clang__) || defined(__GNUC__)
        __builtin_prefetch(p);
    #endif
    }

    /* four sums that stand side by side, in one addition */
    static SIMCLUSTER_INLINE void simcluster_add_four(double *sums, const double *terms) {
    #if defined(__clang__) || defined(__GNUC__)
        typedef double four __attribute__((vector_size(32), aligned(8), may_alias));
        *(four *) sums += *(const four *) terms;
    #else
        for (int i = 0; i < 4; i++) sums[i] += terms[i];
    #endif
    }

    /* log(1 + v) for 0 <= v <= 1, to 2 ulp: 2 atanh(s) with s = v / (2 + v) <= 1/3, by its series */
    static SIMCLUSTER_INLINE simcluster_lanes simcluster_log1p(simcluster_lanes v) {
        simcluster_lanes s = v / (v + 2.0), q = s * s, p = q * (1.0 / 35.0) + 1.0 / 33.0;
        p = p * q + 1.0 / 31.0;
        p = p * q + 1.0 / 29.0;
        p = p * q + 1.0 / 27.0;
        p = p * q + 1.0 / 25.0;
        p = p * q + 1.0 / 23.0;
        p = p * q + 1.0 / 21.0;
        p = p * q + 1.0 / 19.0;
        p = p * q + 1.0 / 17.0;
        p = p * q + 1.0 / 15.0;
        p = p * q + 1.0 / 13.0;
        p = p * q + 1.0 / 11.0;
        p = p * q + 1.0 / 9.0;
        p = p * q + 1.0 / 7.0;
        p = p * q + 1.0 / 5.0;
        p = p * q + 1.0 / 3.0;
        return s * 2.0 + (s + s) * (q * p);
    }
    #endif
    """
    # Never part of its caller: the registers are all its own.
    ctypedef void separate "SIMCLUSTER_SEPARATE void"
    # Stands before the name of a C function: "static SIMCLUSTER_INLINE void name(...)".
    ctypedef void inlined "SIMCLUSTER_INLINE void"

    ctypedef double lanes "simcluster_lanes"
    const Py_ssize_t LANES "SIMCLUSTER_WIDTH"
    const Py_ssize_t TILE "SIMCLUSTER_TILE"
    const char* INSTRUCTIONS "SIMCLUSTER_INSTRUCTIONS"

    lanes load "simcluster_load"(const double* p) noexcept nogil
    void store "simcluster_store"(double* p, lanes v) noexcept nogil
    lanes splat "simcluster_splat"(double x) noexcept nogil
    lanes where_less "simcluster_where_less"(lanes a, lanes b, lanes x, lanes y) noexcept nogil
    unsigned int less_bits "simcluster_less"(lanes a, lanes b) noexcept nogil
    unsigned int nan_bits "simcluster_nan"(lanes a, lanes b) noexcept nogil
    lanes min_lanes "simcluster_min"(lanes a, lanes b) noexcept nogil
    lanes max_lanes "simcluster_max"(lanes a, lanes b) noexcept nogil
    lanes keep_last "simcluster_keep_last"(lanes v, Py_ssize_t count) noexcept nogil
    lanes keep_first "simcluster_keep_first"(lanes v, Py_ssize_t count) noexcept nogil
    lanes abs_lanes "simcluster_abs"(lanes v) noexcept nogil
    lanes round_lanes "simcluster_round"(lanes v) noexcept nogil
    lanes sqrt_lanes "simcluster_sqrt"(lanes v) noexcept nogil
    lanes exp_lanes "simcluster_exp"(lanes v) noexcept nogil
    lanes tanh_lanes "simcluster_tanh"(lanes v) noexcept nogil
    void add_four "simcluster_add_four"(double* sums, const double* terms) noexcept nogil
    lanes log1p_lanes "simcluster_log1p"(lanes v) noexcept nogil
    void prefetch "simcluster_prefetch"(const double* p) noexcept nogil
    double lowest "simcluster_lowest"(lanes v) noexcept nogil
    Py_ssize_t first_bit "simcluster_first"(unsigned int bits) noexcept nogil
    double total "simcluster_total"(lanes v) noexcept nogil
    lanes totals "simcluster_totals"(const lanes* a) noexcept nogil
    lanes lowests "simcluster_lowests"(const lanes* a) noexcept nogil
    Py_ssize_t first_bit_of_word "simcluster_first_of_word"(uint64_t word) noexcept nogil
    Py_ssize_t count_bits "simcluster_count_bits"(uint64_t word) noexcept nogil
