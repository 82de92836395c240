/* A log-linear histogram of nanoseconds: 2,048 steps for each power of two. At 20 ms that is 8 µs, so
 * the latency a gateway adds to a slow provider can still be seen.
 *
 * The buckets are printed, not percentiles, so there is one definition of those: perf/sample.py.
 */
#ifndef PERF_HISTOGRAM_H
#define PERF_HISTOGRAM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

enum { HISTOGRAM_STEP_BITS = 11, HISTOGRAM_BUCKETS = 36 << HISTOGRAM_STEP_BITS };

struct histogram {
    uint64_t count;
    uint64_t max_ns;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

static inline void histogram_add(struct histogram *histogram, uint64_t value_ns)
{
    int shift = 0;
    if (value_ns >= 2u << HISTOGRAM_STEP_BITS)
        shift = 63 - __builtin_clzll(value_ns) - HISTOGRAM_STEP_BITS;
    uint64_t index = ((uint64_t)shift << HISTOGRAM_STEP_BITS) + (value_ns >> shift);
    if (index >= HISTOGRAM_BUCKETS)
        index = HISTOGRAM_BUCKETS - 1;
    histogram->buckets[index]++;
    histogram->count++;
    if (value_ns > histogram->max_ns)
        histogram->max_ns = value_ns;
}

/* Middle of a bucket, so that neither end is favoured. */
static inline uint64_t histogram_value_ns(uint64_t index)
{
    uint64_t step = 1ull << HISTOGRAM_STEP_BITS;
    if (index < 2 * step)
        return index;
    int shift = (int)(index >> HISTOGRAM_STEP_BITS) - 1;
    uint64_t low = ((index & (step - 1)) | step) << shift;
    return low + ((1ull << shift) >> 1);
}

static inline void histogram_print(const struct histogram *histogram, const char *name)
{
    printf("\"%s\":{\"count\":%" PRIu64 ",\"max_ns\":%" PRIu64 ",\"buckets\":[", name, histogram->count,
           histogram->max_ns);
    const char *comma = "";
    for (uint64_t index = 0; index < HISTOGRAM_BUCKETS; index++) {
        if (histogram->buckets[index]) {
            printf("%s[%" PRIu64 ",%" PRIu32 "]", comma, histogram_value_ns(index),
                   histogram->buckets[index]);
            comma = ",";
        }
    }
    printf("]}");
}

#endif
