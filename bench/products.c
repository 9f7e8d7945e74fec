/* products.c - how many floating-point operations a workload's matrix products take: 2 for each
 * multiply-add. */
#include "bench.h"

int64_t directions(const shape *s) { return s->direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1; }

static int64_t gates(int32_t cell)
{
    return cell == RECUR_CELL_LSTM ? 4 : cell == RECUR_CELL_GRU ? 3 : 1;
}

/* Forward takes one product, and training two more: for the weights and for what was multiplied by
 * them. h_rows are the rows whose h is not the zero that a sequence begins with. */
double products_recurrent(const shape *s, double h_rows, bool trained, bool dx)
{
    const double D = (double)directions(s), H = (double)s->H, GH = (double)gates(s->cell) * H;
    double sum = 0;
    for (int64_t k = 0; k < s->L; k++) {
        const double in = k ? D * H : (double)s->I;
        const double with_x = k ? (trained ? 3 : 1) : s->ids ? 0 : 1 + trained + dx;
        sum += D * GH * (mean_rows(s) * with_x * in + h_rows * (trained ? 3 : 1) * H);
    }
    return 2 * sum;
}

double products_head(const shape *s, bool trained)
{
    const double rows = s->each_step ? mean_rows(s) : (double)s->B;
    return 2 * rows * (double)(s->outputs * directions(s) * s->H) * (trained ? 3 : 1);
}
