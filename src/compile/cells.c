/* cells.c - each kind of recurrence as C: a row with its equations, as the kind's file in src/cells
 * has them. compile.h tells what the words with a # mean. */
#include "compile/compile.h"

static const recur__cell_c rnn_tanh = {
    .kind = RECUR_CELL_RNN_TANH,
    .equations = " *   h' = f(W x + U h + b)\n",
    .units = { "const float after_h = #candidate(#k0);\n" },
};

static const recur__cell_c rnn_relu = {
    .kind = RECUR_CELL_RNN_RELU,
    .equations = " *   h' = f(W x + U h + b)\n",
    .units = { "const float after_h = #candidate(#k0);\n" },
};

static const recur__cell_c lstm = {
    .kind = RECUR_CELL_LSTM,
    .equations = " *   i = s(W_i x + U_i h + b_i)     f = s(W_f x + U_f h + b_f)\n"
                 " *   g = f(W_g x + U_g h + b_g)     o = s(W_o x + U_o h + b_o)\n"
                 " *   c' = f c + i g                 h' = o tanh(c')\n",
    .units = { "const float i = #gate(#k0);\n"
               "const float f = #gate(#k1);\n"
               "const float g = #candidate(#k2);\n"
               "const float o = #gate(#k3);\n"
               "const float new_c = #bounded(f * #c + i * g);\n"
               "const float after_c = new_c;\n"
               "const float after_h = o * #output(new_c);\n" },
};

static const recur__cell_c gru = {
    .kind = RECUR_CELL_GRU,
    .equations = " *   r = s(W_r x + U_r h + b_r)     z = s(W_z x + U_z h + b_z)\n"
                 " *   m = U_n h + b_hn               n = f(W_n x + b_in + r m)\n"
                 " *   h' = (1 - z) n + z h\n",
    .units = { "const float r = #gate(#k0);\n"
               "const float z = #gate(#k1);\n"
               "const float n = #candidate(#k2 + r * #k3);\n"
               "const float after_h = n + #kept(z) * (#h - n);\n" },
};

static const recur__cell_c gru_reset_before = {
    .kind = RECUR_CELL_GRU_RESET_BEFORE,
    .equations = " *   r = s(W_r x + U_r h + b_r)     z = s(W_z x + U_z h + b_z)     u = r h\n"
                 " *   n = f(W_n x + U_n u + b_n)     h' = (1 - z) n + z h\n",
    .units = { "#k1 = #gate(#k1);\n"
               "#u = #gate(#k0) * #h;\n",
               "const float z = #k1;\n"
               "const float n = #candidate(#k2);\n"
               "const float after_h = n + #kept(z) * (#h - n);\n" },
};

static const recur__cell_c lstm_peephole = {
    .kind = RECUR_CELL_LSTM_PEEPHOLE,
    .equations = " *   i = s(W_i x + U_i h + p_i c + b_i)    f = s(W_f x + U_f h + p_f c + b_f)\n"
                 " *   g = f(W_g x + U_g h + b_g)            o = s(W_o x + U_o h + p_o c' + b_o)\n"
                 " *   c' = f c + i g                        h' = o tanh(c')\n",
    .units = { "const float i = #gate(#k0 + #e0 * #c);\n"
               "const float f = #gate(#k1 + #e1 * #c);\n"
               "const float g = #candidate(#k2);\n"
               "const float after_c = #bounded(f * #c + i * g);\n"
               "const float o = #gate(#k3 + #e2 * after_c);\n"
               "const float after_h = o * #output(after_c);\n" },
};

static const recur__cell_c lstm_coupled = {
    .kind = RECUR_CELL_LSTM_COUPLED,
    .equations = " *   f = s(W_f x + U_f h + b_f)   g = f(W_g x + U_g h + b_g)\n"
                 " *   o = s(W_o x + U_o h + b_o)   c' = f c + (1 - f) g    h' = o tanh(c')\n",
    .units = { "const float f = #gate(#k0);\n"
               "const float g = #candidate(#k1);\n"
               "const float o = #gate(#k2);\n"
               "const float after_c = #bounded(g + f * (#c - g));\n"
               "const float after_h = o * #output(after_c);\n" },
};

static const recur__cell_c rnn_norm = {
    .kind = RECUR_CELL_RNN_NORM,
    .equations = " *   h' = f(LN(W x + U h + b))\n",
    .units = { "const float after_h = #candidate(#n0);\n" },
    .moments = 1,
};

/* What the output sees is normalised too: all of c' has to be there before any h'. */
static const recur__cell_c lstm_norm = {
    .kind = RECUR_CELL_LSTM_NORM,
    .equations = " *   i = s(LN_i(W_i x + U_i h + b_i))  f, o likewise  g = f(LN_g(...))\n"
                 " *   c' = f c + i g                    h' = o tanh(LN_c(c'))\n",
    .before = { "for (int32_t j = 0; j < #H; j++) {\n"
                "    const float i = #gate(#n0);\n"
                "    const float f = #gate(#n1);\n"
                "    const float g = #candidate(#n2);\n"
                "    #k0 = #bounded(f * #c + i * g);\n"
                "}\n"
                "#moments4 = @_moments_of(#H, #variance, k);\n" },
    .units = { "const float o = #gate(#n3);\n"
               "const float after_h = o * #output(#n4);\n"
               "const float after_c = #k0;\n" },
    .moments = 4,
};

static const recur__cell_c gru_norm = {
    .kind = RECUR_CELL_GRU_NORM,
    .equations = " *   r = s(LN_r(W_r x + U_r h + b_r))   z = s(LN_z(W_z x + U_z h + b_z))\n"
                 " *   m = LN_m(U_n h + b_hn)             n = f(LN_n(W_n x + b_in) + r m)\n"
                 " *   h' = (1 - z) n + z h\n",
    .units = { "const float r = #gate(#n0);\n"
               "const float z = #gate(#n1);\n"
               "const float n = #candidate(#n2 + r * #n3);\n"
               "const float after_h = n + #kept(z) * (#h - n);\n" },
    .moments = 4,
};

/* What is not due is computed too, and thrown away: the loop has no branch around the products. */
static const recur__cell_c clockwork = {
    .kind = RECUR_CELL_CLOCKWORK,
    .equations = " *   h'_j = f(W_j x + U_j h + b_j) where the clock of j stands at 0, else h_j\n"
                 " *   c counts the steps since a unit's last update, up to its period\n",
    .units = { "const int due = #c < 0.5f;\n"
               "const float clock = #c + 1.0f;\n"
               "const float after_h = #candidate(#k0);\n"
               "const float after_c = clock < #e0 - 0.5f ? clock : 0.0f;\n" },
    .only_due = true,
};

static const recur__cell_c indrnn = {
    .kind = RECUR_CELL_INDRNN,
    .equations = " *   h' = f(W x + u h + b), where u has a number for each unit\n",
    .units = { "const float after_h = #candidate(#k0 + #e0 * #h);\n" },
};

static const recur__cell_c mingru = {
    .kind = RECUR_CELL_MINGRU,
    .equations = " *   z = s(W_z x + b_z)   n = f(W_n x + b_n)   h' = (1 - z) h + z n\n",
    .units = { "const float z = #gate(#k0);\n"
               "const float n = #candidate(#k1);\n"
               "const float after_h = #h + z * (n - #h);\n" },
};

/* The bound is the smallest normal float. */
static const recur__cell_c minlstm = {
    .kind = RECUR_CELL_MINLSTM,
    .equations = " *   f = s(W_f x + b_f)   i = s(W_i x + b_i)   n = f(W_n x + b_n)\n"
                 " *   F = f / (f + i)      h' = F h + (1 - F) n\n",
    .units = { "const float f = #gate(#k0);\n"
               "const float i = #gate(#k1);\n"
               "const float n = #candidate(#k2);\n"
               "const float sum = 1.17549435e-38f > f + i ? 1.17549435e-38f : f + i;\n"
               "const float keep = f * (1.0f / sum);\n"
               "const float after_h = n + keep * (#h - n);\n" },
};

static const recur__cell_c qrnn = {
    .kind = RECUR_CELL_QRNN,
    .equations = " *   z = f(W_z x + b_z)   f = s(W_f x + b_f)   o = s(W_o x + b_o)\n"
                 " *   c' = f c + (1 - f) z                       h' = o c'\n",
    .units = { "const float z = #candidate(#k0);\n"
               "const float f = #gate(#k1);\n"
               "const float o = #gate(#k2);\n"
               "const float new_c = #bounded(z + f * (#c - z));\n"
               "const float after_c = new_c;\n"
               "const float after_h = o * new_c;\n" },
};

static const recur__cell_c sru = {
    .kind = RECUR_CELL_SRU,
    .equations = " *   n = f(W_n x + b_n)            f = s(W_f x + v_f c + b_f)\n"
                 " *   r = s(W_r x + v_r c + b_r)    p = W_p x + b_p\n"
                 " *   c' = f c + (1 - f) n          h' = r c' + (1 - r) p\n",
    .units = { "const float n = #candidate(#k0);\n"
               "const float f = #gate(#k1 + #e0 * #c);\n"
               "const float r = #gate(#k2 + #e1 * #c);\n"
               "const float p = #k3;\n"
               "const float new_c = #bounded(n + f * (#c - n));\n"
               "const float after_c = new_c;\n"
               "const float after_h = p + r * (new_c - p);\n" },
};

static const recur__cell_c *const cells[] = {
    &rnn_tanh,     &rnn_relu, &lstm,      &gru,      &gru_reset_before, &lstm_peephole,
    &lstm_coupled, &rnn_norm, &lstm_norm, &gru_norm, &clockwork,        &indrnn,
    &mingru,       &minlstm,  &qrnn,      &sru,
};

const recur__cell_c *recur__cell_c_of(int32_t kind)
{
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        if (cells[i]->kind == kind) return cells[i];
    return NULL;
}
