/* list.h - the table of all kinds: one line each, in the order of RECUR_CELL_*. */
#define RECUR__CELLS(X, set) \
    X(rnn_tanh, set)         \
    X(rnn_relu, set)         \
    X(lstm, set)             \
    X(gru, set)              \
    X(gru_reset_before, set) \
    X(lstm_peephole, set)    \
    X(lstm_coupled, set)     \
    X(rnn_norm, set)         \
    X(lstm_norm, set)        \
    X(gru_norm, set)         \
    X(clockwork, set)        \
    X(indrnn, set)           \
    X(mingru, set)           \
    X(minlstm, set)          \
    X(qrnn, set)             \
    X(sru, set)
