# Dot products of int8, and signatures that are near to one: with the widest instructions there are.
#
# A signature is two words: the signs of a vector's first 64 dimensions, and of the next 64. Which
# instructions are used is decided when the module that includes this is loaded, and by each such
# module for itself.

from libc.stdint cimport int8_t, int32_t, uint32_t, uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    #if defined(__x86_64__) && defined(__GNUC__)
    #include <immintrin.h>
    #define NEAREST_X86 1
    #define AHEAD 128  /* signatures: the processor's own prefetching stops at each page */
    #define AHEAD_ROWS 16
    #endif

    /* `width` is a multiple of 64; every value lies between -127 and 127. */
    static int32_t dot_any(const int8_t *a, const int8_t *b, Py_ssize_t width) {
        int32_t sum = 0;
        for (Py_ssize_t i = 0; i < width; i++)
            sum += (int32_t)a[i] * b[i];
        return sum;
    }

    /* Which of the `count` signatures from `at` on differ from the query's in less than `below`
       bits: their indexes and distances. Stops when there are `room`; gives where it stopped. */
    typedef struct { uint32_t at, distance; } Candidate_;

    static Py_ssize_t sift_any(const uint64_t *low, const uint64_t *high, Py_ssize_t at,
                               Py_ssize_t count, uint64_t a, uint64_t b, uint32_t below,
                               void *out, Py_ssize_t *used, Py_ssize_t room) {
        Candidate_ *found = (Candidate_ *)out;
        for (; at < count && *used < room; at++) {
            uint32_t distance = (uint32_t)(__builtin_popcountll(low[at] ^ a)
                                           + __builtin_popcountll(high[at] ^ b));
            if (distance < below) {
                found[*used].at = (uint32_t)at;
                found[(*used)++].distance = distance;
            }
        }
        return at;
    }

    /* Of one vector with each of `count` that lie one behind the other. */
    static void dots_any(const int8_t *a, const int8_t *rows, Py_ssize_t count, Py_ssize_t width,
                         int32_t *out) {
        for (Py_ssize_t k = 0; k < count; k++)
            out[k] = dot_any(a, rows + k * width, width);
    }

    #ifdef NEAREST_X86
    __attribute__((target("avx2")))
    static int32_t dot_avx2(const int8_t *a, const int8_t *b, Py_ssize_t width) {
        const __m256i ones = _mm256_set1_epi16(1);
        __m256i sum = _mm256_setzero_si256();
        for (Py_ssize_t i = 0; i < width; i += 32) {
            __m256i x = _mm256_loadu_si256((const __m256i *)(a + i));
            __m256i y = _mm256_loadu_si256((const __m256i *)(b + i));
            /* Two products are at most 2 * 127 * 127: they fit 16 bits. */
            __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(y, x));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
        }
        __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
        half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
        half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
        return _mm_cvtsi128_si32(half);
    }

    __attribute__((target("avx2")))
    static void dots_avx2(const int8_t *a, const int8_t *rows, Py_ssize_t count, Py_ssize_t width,
                          int32_t *out) {
        for (Py_ssize_t k = 0; k < count; k++)
            out[k] = dot_avx2(a, rows + k * width, width);
    }

    __attribute__((target("avx2")))
    static inline __m256i bytes_avx2(__m256i x) {
        const __m256i counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
                                                0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
        const __m256i nibble = _mm256_set1_epi8(15);
        return _mm256_add_epi8(
            _mm256_shuffle_epi8(counts, _mm256_and_si256(x, nibble)),
            _mm256_shuffle_epi8(counts, _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble)));
    }

    __attribute__((target("avx2,popcnt")))
    static Py_ssize_t sift_avx2(const uint64_t *low, const uint64_t *high, Py_ssize_t at,
                                Py_ssize_t count, uint64_t a, uint64_t b, uint32_t below,
                                void *out, Py_ssize_t *used, Py_ssize_t room) {
        const __m256i x = _mm256_set1_epi64x((long long)a), y = _mm256_set1_epi64x((long long)b);
        const __m256i bar = _mm256_set1_epi64x(below);
        Candidate_ *found = (Candidate_ *)out;
        for (; at + 4 <= count && *used + 4 <= room; at += 4) {
            __m256i p = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(low + at)), x);
            __m256i q = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(high + at)), y);
            __m256i sum = _mm256_sad_epu8(_mm256_add_epi8(bytes_avx2(p), bytes_avx2(q)),
                                          _mm256_setzero_si256());
            unsigned bits = (unsigned)_mm256_movemask_pd(
                _mm256_castsi256_pd(_mm256_cmpgt_epi64(bar, sum)));
            for (; bits; bits &= bits - 1) {
                Py_ssize_t k = at + __builtin_ctz(bits);
                found[*used].at = (uint32_t)k;
                found[(*used)++].distance = (uint32_t)(__builtin_popcountll(low[k] ^ a)
                                                       + __builtin_popcountll(high[k] ^ b));
            }
        }
        return at + 4 <= count ? at
            : sift_any(low, high, at, count, a, b, below, out, used, room);
    }

    __attribute__((target("avx512f,avx512bw,avx512vnni")))
    static int32_t dot_avx512(const int8_t *a, const int8_t *b, Py_ssize_t width) {
        const __m512i zero = _mm512_setzero_si512();
        __m512i sum = zero;
        for (Py_ssize_t i = 0; i < width; i += 64) {
            __m512i x = _mm512_loadu_si512(a + i), y = _mm512_loadu_si512(b + i);
            y = _mm512_mask_sub_epi8(y, _mm512_movepi8_mask(x), zero, y);
            sum = _mm512_dpbusd_epi32(sum, _mm512_abs_epi8(x), y);
        }
        return _mm512_reduce_add_epi32(sum);
    }

    __attribute__((target("avx512f,avx512bw,avx512vnni")))
    static void dots_avx512(const int8_t *a, const int8_t *rows, Py_ssize_t count,
                            Py_ssize_t width, int32_t *out) {
        const __m512i zero = _mm512_setzero_si512();
        Py_ssize_t k = 0;
        for (; k + 4 <= count; k += 4) {
            const int8_t *row = rows + k * width;
            __m512i sums[4] = {zero, zero, zero, zero};
            for (Py_ssize_t i = 0; i < width; i += 64) {
                for (int j = 0; j < 4; j++)
                    __builtin_prefetch(row + (j + AHEAD_ROWS) * width + i);
                __m512i x = _mm512_loadu_si512(a + i);
                __mmask64 negative = _mm512_movepi8_mask(x);
                x = _mm512_abs_epi8(x);
                for (int j = 0; j < 4; j++) {
                    __m512i y = _mm512_loadu_si512(row + j * width + i);
                    y = _mm512_mask_sub_epi8(y, negative, zero, y);
                    sums[j] = _mm512_dpbusd_epi32(sums[j], x, y);
                }
            }
            for (int j = 0; j < 4; j++)
                out[k + j] = _mm512_reduce_add_epi32(sums[j]);
        }
        for (; k < count; k++)
            out[k] = dot_avx512(a, rows + k * width, width);
    }

    __attribute__((target("avx512f,avx512vpopcntdq,popcnt")))
    static Py_ssize_t sift_avx512(const uint64_t *low, const uint64_t *high, Py_ssize_t at,
                                  Py_ssize_t count, uint64_t a, uint64_t b, uint32_t below,
                                  void *out, Py_ssize_t *used, Py_ssize_t room) {
        const __m512i x = _mm512_set1_epi64((long long)a), y = _mm512_set1_epi64((long long)b);
        const __m512i bar = _mm512_set1_epi64(below);
        Candidate_ *found = (Candidate_ *)out;
        for (; at + 8 <= count && *used + 8 <= room; at += 8) {
            __builtin_prefetch(low + at + AHEAD);
            __builtin_prefetch(high + at + AHEAD);
            __m512i p = _mm512_xor_si512(_mm512_loadu_si512(low + at), x);
            __m512i q = _mm512_xor_si512(_mm512_loadu_si512(high + at), y);
            __m512i sum = _mm512_add_epi64(_mm512_popcnt_epi64(p), _mm512_popcnt_epi64(q));
            unsigned bits = _mm512_cmplt_epu64_mask(sum, bar);
            for (; bits; bits &= bits - 1) {
                Py_ssize_t k = at + __builtin_ctz(bits);
                found[*used].at = (uint32_t)k;
                found[(*used)++].distance = (uint32_t)(__builtin_popcountll(low[k] ^ a)
                                                       + __builtin_popcountll(high[k] ^ b));
            }
        }
        return at + 8 <= count ? at
            : sift_any(low, high, at, count, a, b, below, out, used, room);
    }
    #endif

    typedef int32_t (*dot_function)(const int8_t *, const int8_t *, Py_ssize_t);
    typedef Py_ssize_t (*sift_function)(const uint64_t *, const uint64_t *, Py_ssize_t, Py_ssize_t,
                                        uint64_t, uint64_t, uint32_t, void *, Py_ssize_t *,
                                        Py_ssize_t);
    typedef void (*dots_function)(const int8_t *, const int8_t *, Py_ssize_t, Py_ssize_t,
                                  int32_t *);
    static dot_function chosen_dot = dot_any;
    static dots_function chosen_dots = dots_any;
    static sift_function chosen_sift = sift_any;

    /* The widest that this machine has, of at most `level`: 0 portable, 1 AVX2, 2 AVX-512. */
    static int choose_level(int level) {
        chosen_dot = dot_any;
        chosen_dots = dots_any;
        chosen_sift = sift_any;
        int chosen = 0;
    #ifdef NEAREST_X86
        __builtin_cpu_init();
        if (level >= 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) {
            chosen_dot = dot_avx2;
            chosen_dots = dots_avx2;
            chosen_sift = sift_avx2;
            chosen = 1;
        }
        if (level >= 2 && chosen && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vpopcntdq")) {
            chosen_dot = dot_avx512;
            chosen_dots = dots_avx512;
            chosen_sift = sift_avx512;
            chosen = 2;
        }
    #endif
        return chosen;
    }

    static inline void fetch(const int8_t *at, Py_ssize_t width) {
        for (Py_ssize_t i = 0; i < width; i += 64)
            __builtin_prefetch(at + i);
    }
    """
    int32_t dot "chosen_dot"(const int8_t* a, const int8_t* b, Py_ssize_t width) noexcept nogil
    void dots "chosen_dots"(
        const int8_t* a, const int8_t* rows, Py_ssize_t count, Py_ssize_t width, int32_t* out
    ) noexcept nogil
    Py_ssize_t sift "chosen_sift"(
        const uint64_t* low, const uint64_t* high, Py_ssize_t at, Py_ssize_t count, uint64_t a,
        uint64_t b, uint32_t below, void* out, Py_ssize_t* used, Py_ssize_t room,
    ) noexcept nogil
    int choose "choose_level"(int level) noexcept nogil
    void fetch(const int8_t* at, Py_ssize_t width) noexcept nogil

cdef enum:
    SIGNS = 128                      # bits of a signature
