/* test_ctc_decode.c - the decoders of CTC against all paths written out, and laws. */
#include "support/ctc.h"

static const double INFINITE = (double)INFINITY;

static void test_decoders(void **state)
{
    (void)state;
    int64_t better = 0; /* how often the likeliest path does not spell the likeliest labels */
    for (int64_t seed = 1; seed < 60; seed++) {
        dice((uint64_t)seed);
        const int64_t C = 2 + seed % 2;
        ctc_batch x = ctc_batch_of(NULL, 3, seed % (NAIVE_STEPS - 1) + 1, C, (int32_t)below(C));
        recur_loss *loss = ctc(NULL, x.blank, 0);
        int32_t *greedy = bytes_of(recur_packed_rows(x.packed), sizeof *greedy),
                *wide = bytes_of(recur_packed_rows(x.packed), sizeof *wide);
        int64_t greedy_lengths[3], wide_lengths[3], at_greedy = 0, at_wide = 0;
        double greedy_scores[3], wide_scores[3];
        OK(recur_ctc_decode(loss, x.packed, C, x.y, 0, greedy, greedy_lengths, greedy_scores,
                            NULL));
        OK(recur_ctc_decode(loss, x.packed, C, x.y, 1000, wide, wide_lengths, wide_scores, NULL));
        for (int64_t b = 0; b < 3; b++) {
            int32_t path[NAIVE_STEPS], labels[NAIVE_STEPS];
            double path_score = 0, labels_score = 0;
            const int64_t T = recur_packed_length(x.packed, b);
            const float *y = ctc_rows(&x, b, x.y);
            const int64_t P = naive_ctc_best_path(T, C, x.blank, y, path, &path_score),
                          L = naive_ctc_best_labels(T, C, x.blank, y, labels, &labels_score);
            trying("seed %lld, sequence %lld", (long long)seed, (long long)b);
            assert_int_equal(greedy_lengths[b], P);
            assert_int_equal(wide_lengths[b], L);
            assert_memory_equal(greedy + at_greedy, path, (size_t)P * sizeof *path);
            assert_memory_equal(wide + at_wide, labels, (size_t)L * sizeof *labels);
            assert_true(fabs(greedy_scores[b] - path_score) < 1e-9 &&
                        fabs(wide_scores[b] - labels_score) < 1e-9);
            better += P != L || memcmp(path, labels, (size_t)L * sizeof *path) != 0;
            at_greedy += P;
            at_wide += L;
        }
        recur_packed_release(x.packed);
        recur_loss_release(loss);
        give_back();
    }
    assert_in_range(better, 5, 170);
}

/* On longer sequences no score is above the truth, and what a wide beam finds is no worse than what
 * the best path spells. */
static void test_beams(void **state)
{
    (void)state;
    dice(8);
    ctc_batch x = ctc_batch_of(NULL, 6, 60, 8, 7);
    recur_loss *loss = ctc(NULL, 7, RECUR_LOSS_SUM);
    recur_tape *tape = NULL;
    OK(recur_tape_create(NULL, &tape));
    const int64_t N = recur_packed_rows(x.packed), widths[] = { 0, 1, 4, 50, 200 };
    double before = INFINITE;
    for (int64_t w = 0; w < COUNT(widths); w++) {
        int32_t *labels = bytes_of(N, sizeof *labels);
        int64_t lengths[6];
        double scores[6], cost = 0, claimed = 0;
        trying("width %lld", (long long)widths[w]);
        OK(recur_ctc_decode(loss, x.packed, 8, x.y, widths[w], labels, lengths, scores,
                            w % 2 ? tape : NULL));
        OK(recur_ctc_loss(loss, x.packed, 8, x.y, labels, lengths, &cost, NULL, NULL));
        for (int64_t b = 0; b < 6; b++) claimed -= scores[b];
        assert_true(claimed >= cost - 1e-9);
        if (w != 1) assert_true(cost <= before + 1e-9);
        if (w != 1) before = cost;
    }
    assert_int_equal(recur_tape_records(tape), 0);
    recur_tape_release(tape);
    recur_packed_release(x.packed);
    recur_loss_release(loss);
}

/* Narrow beams are compared with a search over strings: beginnings fall out and come back while
 * what grew from them is still there. */
static void test_narrow_beams(void **state)
{
    (void)state;
    for (int64_t seed = 1; seed < 400; seed++) {
        dice((uint64_t)seed);
        const int64_t C = 2 + seed % 3, width = 1 + seed % 5;
        ctc_batch x = ctc_batch_of(NULL, 3, 5 + seed % (NAIVE_LONG - 4), C, (int32_t)below(C));
        recur_loss *loss = ctc(NULL, x.blank, 0);
        int32_t *labels = bytes_of(recur_packed_rows(x.packed), sizeof *labels);
        int64_t lengths[3];
        double scores[3];
        OK(recur_ctc_decode(loss, x.packed, C, x.y, width, labels, lengths, scores, NULL));
        for (int64_t b = 0; b < 3; b++) {
            int32_t want[NAIVE_LONG];
            double score = 0;
            const int64_t L = naive_ctc_beam(recur_packed_length(x.packed, b), C, x.blank,
                                             ctc_rows(&x, b, x.y), width, want, &score);
            trying("seed %lld, sequence %lld, width %lld", (long long)seed, (long long)b,
                   (long long)width);
            assert_int_equal(lengths[b], L);
            assert_memory_equal(labels, want, (size_t)L * sizeof *want);
            assert_true(fabs(scores[b] - score) < 1e-9);
            labels += L;
        }
        recur_packed_release(x.packed);
        recur_loss_release(loss);
        give_back();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_decoders), TEST(test_beams),
                                        TEST(test_narrow_beams) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
