/* multiply.h - the products of a tile, for vectors of one length; tiles.c includes it for each that
 * it needs, with these defined:
 *
 *   LANES       numbers of a vector, side by side in a panel
 *   SUM         an accumulator of so many lanes
 *   LOAD, SPREAD_ONE, STORE   so many numbers; one number in all lanes; back
 *   PART        so many numbers of a vf
 *   NAME(x)     what a function is called */

/* acc[r][v] += a[r][k] * panel[k][v] for one k */
INLINE void NAME(multiply_one)(int MR, int V, int shared, int shift,
                               SUM acc[MOST_ROWS][ACCUMULATORS], const float *a, int64_t lda,
                               const float *panel)
{
    SUM w[ACCUMULATORS];
    UNROLL for (int v = 0; v < V; v++) w[v] = LOAD(panel + v * LANES);
    UNROLL for (int r = 0; r < MR; r++)
    {
        const SUM ark = SPREAD_ONE(a[r * lda]);
        UNROLL for (int v = 0; v < V; v++) acc[r][v < shared ? v : v + shift] += ark * w[v];
    }
}

/* The same for a row alone, whose number is in all lanes of x. */
INLINE void NAME(multiply_spread)(int V, int shared, int shift, SUM acc[ACCUMULATORS], SUM x,
                                  const float *panel)
{
    UNROLL for (int v = 0; v < V; v++)
        acc[v < shared ? v : v + shift] += x * LOAD(panel + v * LANES);
}

/* The same for all k. Vectors from `shared` on go `shift` accumulators further. One row alone has
 * too few accumulators to hide the latency of their sums, so even and odd k have their own; and
 * with BROADCAST4 its numbers are read four at a time, as it waits for nothing but loads. */
INLINE void NAME(multiply)(bool single_row, int MR, int V, int shared, int shift,
                           SUM acc[MOST_ROWS][ACCUMULATORS], const float *a, int64_t lda, int64_t K,
                           weights m)
{
    const float *panel = m.at;
    int64_t k = 0;
    if (MR == 1 && VW > 1 && single_row && K > 3) {
        SUM odd[MOST_ROWS][ACCUMULATORS];
        UNROLL for (int v = 0; v < ACCUMULATORS; v++) odd[0][v] = SPREAD_ONE(0);
        for (; BROADCAST4 && k + 4 <= K; k += 4, panel += 4 * V * LANES) {
            const vf four = v_broadcast4(a + k);
            NAME(multiply_spread)(V, shared, shift, acc[0], PART(V_SPREAD(four, 0)), panel);
            NAME(multiply_spread)
            (V, shared, shift, odd[0], PART(V_SPREAD(four, 1)), panel + V * LANES);
            NAME(multiply_spread)
            (V, shared, shift, acc[0], PART(V_SPREAD(four, 2)), panel + 2 * V * LANES);
            NAME(multiply_spread)
            (V, shared, shift, odd[0], PART(V_SPREAD(four, 3)), panel + 3 * V * LANES);
        }
        for (; k + 2 <= K; k += 2, panel += 2 * V * LANES) {
            NAME(multiply_one)(1, V, shared, shift, acc, a + k, lda, panel);
            NAME(multiply_one)(1, V, shared, shift, odd, a + k + 1, lda, panel + V * LANES);
        }
        UNROLL for (int v = 0; v < V; v++)
            acc[0][v < shared ? v : v + shift] += odd[0][v < shared ? v : v + shift];
    }
    for (; k < K; k++, panel += V * LANES) {
        if (m.fetches) {
            __builtin_prefetch(m.next, 0, 2);
            m.next += m.step;
        }
        NAME(multiply_one)(MR, V, shared, shift, acc, a + k, lda, panel);
    }
}

/* number += W x + U s for MR rows from r0 on */
INLINE void NAME(products)(int MR, int NV, const recur__phase p, const group g, int64_t r0,
                           tile_row *number)
{
    const recur__step *a = g.step;
    const int A = p.accumulators, V = A * NV;
    SUM acc[MOST_ROWS][ACCUMULATORS];
    UNROLL for (int r = 0; r < MR; r++)
    {
        UNROLL for (int v = 0; v < V; v++) acc[r][v] = LOAD(&number[r][v * VW]);
    }
    if (a->in) NAME(multiply)
    (false, MR, p.x_gates * NV, V, 0, acc, a->x + r0 * a->ldx, a->ldx, a->in, g.W);
    UNROLL for (int v = 0; v < V; v++) acc[0][v] = ROUNDED(acc[0][v]);
    if (a->U) NAME(multiply)
    (false, MR, p.h_gates * NV, p.shared * NV, (A - p.h_gates) * NV, acc, a->s + r0 * a->lds,
     a->lds, a->K, g.U);
    UNROLL for (int r = 0; r < MR; r++)
    {
        UNROLL for (int v = 0; v < V; v++) STORE(&number[r][v * VW], acc[r][v]);
    }
}

#undef LANES
#undef SUM
#undef LOAD
#undef SPREAD_ONE
#undef STORE
#undef PART
#undef NAME
