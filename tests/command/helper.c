/* helper.c - what command.sh needs beside the command.
 *
 *     helper make                models, input and wanted output, into the current folder
 *     helper memory              bytes of training that info should tell
 *     helper flip FROM TO N      a copy with one bit changed, N bytes before the end
 *     helper wav FILE COUNT      a WAV file of so many samples; helper stereo FILE: two channels
 *     helper endless             rows without an end
 *     helper line SECONDS        one line of the standard input, or status 1
 *     helper signal N PROGRAM .. feeds a program, sends it a signal, and ends as a shell would;
 *                                its error output is a terminal, whose contents go to "screen"
 *
 * It uses the public header only, and makes its files itself. */
#include <recur.h>

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROWS = 300, SAMPLES = 100 };

static void check(recur_status status)
{
    if (!status) return;
    fprintf(stderr, "helper: %s\n", recur_last_error());
    exit(1);
}

static float drawn(uint64_t i) { return (float)(recur_random(7, i) >> 40) / (1 << 23) - 1; }

/* ---- layers --------------------------------------------------------------------------------- */

static recur_layer *recurrent(int32_t cell, int64_t I, int64_t H, int64_t L, int32_t direction)
{
    const recur_recurrent_options options = { .size = sizeof options,
                                              .cell = cell,
                                              .input_size = I,
                                              .hidden_size = H,
                                              .num_layers = L,
                                              .direction = direction };
    recur_layer *layer;
    check(recur_recurrent_create(NULL, &options, &layer));
    return layer;
}

static recur_layer *linear(int64_t I, int64_t O)
{
    recur_layer *layer;
    check(recur_linear_create(NULL, I, O, 0, &layer));
    return layer;
}

static recur_layer *compose(int32_t kind, int64_t count, const char *const *names,
                            recur_layer **parts)
{
    recur_layer *whole;
    check(recur_compose_create(NULL, kind, count, names, parts, &whole));
    check(recur_layer_init(whole, NULL, RECUR_INIT_DEFAULT, 0, 1));
    for (int64_t i = 0; i < count; i++) recur_layer_release(parts[i]);
    return whole;
}

static recur_layer *stream_model(int64_t I)
{
    const char *const names[] = { "rnn", "fc" };
    recur_layer *parts[] = { recurrent(RECUR_CELL_GRU, I, 5, 1, 0), linear(5, 1) };
    return compose(RECUR_COMPOSE_SEQUENTIAL, 2, names, parts);
}

static recur_layer *ahead_model(void)
{
    const char *const names[] = { "rnn", "last", "fc" };
    recur_layer *parts[3] = { recurrent(RECUR_CELL_GRU, 2, 3, 2, RECUR_DIRECTION_BIDIRECTIONAL) };
    check(recur_last_create(NULL, 6, RECUR_DIRECTION_BIDIRECTIONAL, &parts[1]));
    parts[2] = linear(6, 2);
    return compose(RECUR_COMPOSE_SEQUENTIAL, 3, names, parts);
}

static recur_layer *words_model(void)
{
    const char *const names[] = { "table", "rnn" };
    recur_layer *parts[2] = { NULL, recurrent(RECUR_CELL_GRU, 3, 4, 1, 0) };
    check(recur_embedding_create(NULL, 2, 3, 0, &parts[0]));
    return compose(RECUR_COMPOSE_SEQUENTIAL, 2, names, parts);
}

/* ---- rows and samples ----------------------------------------------------------------------- */

static void write_csv(const char *path, const float *x, int64_t rows, int64_t width)
{
    FILE *file = fopen(path, "w");
    for (int64_t i = 0; i < rows * width; i++)
        fprintf(file, "%.9g%c", (double)x[i], (i + 1) % width ? ',' : '\n');
    fclose(file);
}

static void write_bytes(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    fwrite(bytes, 1, count, file);
    fclose(file);
}

static void write_wav(const char *path, const float *x, int32_t count, int channels)
{
    const uint32_t bytes = 2u * (uint32_t)count;
    const uint32_t words[] = { bytes + 36,     16,   1u | (uint32_t)channels << 16, 44100, 88200,
                               2u | 16u << 16, bytes };
    FILE *file = fopen(path, "wb");
    fwrite("RIFF", 1, 4, file);
    fwrite(words, 4, 1, file);
    fwrite("WAVEfmt ", 1, 8, file);
    fwrite(words + 1, 4, 5, file);
    fwrite("data", 1, 4, file);
    fwrite(words + 6, 4, 1, file);
    for (int32_t i = 0; i < count; i++) {
        const float scaled = fminf(fmaxf(rintf(x[i] * 32768), -32768), 32767);
        const int16_t sample = (int16_t)scaled;
        fwrite(&sample, 2, 1, file);
    }
    fclose(file);
}

/* What the library gives for one sequence. */
static void forward(const recur_layer *layer, const float *x, const int32_t *ids, int64_t T,
                    float *y)
{
    recur_packed *packed;
    check(recur_packed_create(NULL, 1, NULL, T, &packed));
    check(ids ? recur_layer_forward_ids(layer, packed, ids, NULL, y, NULL)
              : recur_layer_forward(layer, packed, x, NULL, y, NULL));
    recur_packed_release(packed);
}

static void make_rows(void)
{
    static float x[ROWS * 2], y[ROWS * 2];
    static int32_t ids[ROWS];
    recur_layer *stream = stream_model(2), *ahead = ahead_model();
    for (int i = 0; i < ROWS * 2; i++) x[i] = drawn((uint64_t)i);
    write_csv("input.csv", x, ROWS, 2);
    write_bytes("input.f32", x, sizeof x);
    forward(stream, x, NULL, ROWS, y);
    write_csv("wanted.csv", y, ROWS, 1);
    write_bytes("wanted.f32", y, ROWS * sizeof *y);
    forward(ahead, x, NULL, ROWS, y);
    write_csv("wanted_ahead.csv", y, 1, 2);
    for (int i = 0; i < ROWS; i++) x[i] = (float)(ids[i] = i * i % 3 % 2);
    write_csv("ids.csv", x, ROWS, 1);
    forward(stream, NULL, ids, ROWS, y);
    write_csv("wanted_ids.csv", y, ROWS, 1);
    FILE *big = fopen("big.csv", "w");
    for (int i = 0; i < 200000; i++) fputs("0.5,-0.5\n", big);
    fclose(big);
    recur_layer_release(stream);
    recur_layer_release(ahead);
}

static void make_samples(const char *input, const char *wanted, int32_t count)
{
    static float x[1 << 10], y[1 << 10];
    recur_layer *pedal = stream_model(1);
    for (int32_t i = 0; i < count; i++) x[i] = rintf(drawn((uint64_t)i) * 32767) / 32768;
    write_wav(input, x, count, 1);
    forward(pedal, x, NULL, count, y);
    if (wanted) write_wav(wanted, y, count, 1);
    recur_layer_release(pedal);
}

/* ---- files ---------------------------------------------------------------------------------- */

static void save(recur_layer *layer, const char *path)
{
    check(recur_model_save(layer, path, NULL));
    recur_layer_release(layer);
}

static void add(recur_file *file, const char *name, int64_t rows, int64_t width, const float *from)
{
    const recur_tensor tensor = { .size = sizeof tensor,
                                  .rank = width ? 2 : 1,
                                  .dim = { rows, width ? width : 1, 1, 1 },
                                  .name = name };
    check(recur_file_add(file, &tensor, from));
}

static recur_file *new_file(void)
{
    recur_file *file;
    check(recur_file_open_memory(NULL, NULL, 0, &file));
    return file;
}

static void close_as(recur_file *file, const char *path)
{
    check(recur_file_write(file, path));
    recur_file_release(file);
}

static void make_tensors(const char *path, float fifth)
{
    const float weight[6] = { 1, 2, 3, 4, fifth, 6 }, bias[2] = { 1, 2 };
    recur_file *file = new_file();
    add(file, "weight", 2, 3, weight);
    add(file, "bias", 2, 0, bias);
    close_as(file, path);
}

/* A file as other programs write it. */
static void make_bare(const char *path, const char *name)
{
    char bytes[200] = { 0 };
    const int length = snprintf(bytes + 8, sizeof bytes - 8,
                                "{\"%s\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
                                name);
    bytes[0] = (char)length;
    write_bytes(path, bytes, (size_t)length + 16);
}

/* A sample whose y is off by 1, which is much more than its tolerance when the text is changed. */
static void make_wrong(const recur_layer *layer, const recur_packed *packed, const float *x)
{
    float y[6];
    check(recur_layer_forward(layer, packed, x, NULL, y, NULL));
    for (int i = 0; i < 6; i++) y[i] += 1;
    const recur_model_sample sample = {
        .size = sizeof sample, .tolerance = 8, .packed = packed, .x = x, .y = y
    };
    recur_file *file = new_file();
    check(recur_file_put_model(file, NULL, layer, &sample));
    char *text = strdup(recur_file_metadata(file, "recur.model"));
    char *tolerance = strstr(text, "\"tolerance\":8");
    if (!tolerance) exit(1);
    memcpy(tolerance, "\"tolerance\":0", 13);
    check(recur_file_set_metadata(file, "recur.model", text));
    free(text);
    close_as(file, "wrong.safetensors");
}

static void make_models(void)
{
    float x[12];
    recur_packed *packed;
    recur_layer *stream = stream_model(2);
    for (int i = 0; i < 12; i++) x[i] = drawn((uint64_t)i + 1000);
    check(recur_packed_create(NULL, 1, NULL, 6, &packed));
    const recur_model_sample sample = { .size = sizeof sample, .packed = packed, .x = x };
    check(recur_model_save(stream, "stream.safetensors", &sample));
    check(recur_model_save(stream, "base.safetensors", NULL));
    make_wrong(stream, packed, x);
    recur_file *two = new_file();
    check(recur_file_put_model(two, "a.", stream, NULL));
    check(recur_file_put_model(two, "b.", stream, NULL));
    check(recur_file_set_metadata(two, "epoch", "7"));
    check(recur_file_set_metadata(two, "evil", "\033[31mred\nx"));
    close_as(two, "two.safetensors");
    recur_tensor weight = { .size = sizeof weight };
    check(recur_layer_tensor_info(stream, recur_layer_tensor_count(stream) - 2, &weight));
    recur_layer_params(stream)[weight.offset + 3] += 0.25f;
    save(stream, "moved.safetensors");
    save(ahead_model(), "ahead.safetensors");
    save(words_model(), "words.safetensors");
    save(stream_model(1), "pedal.safetensors");
    const char *const names[] = { "one", "two" };
    recur_layer *parts[] = { linear(2, 2), linear(3, 3) };
    save(compose(RECUR_COMPOSE_GROUP, 2, names, parts), "group.safetensors");
    make_tensors("plain.safetensors", 5);
    make_tensors("nan.safetensors", NAN);
    make_bare("bare.safetensors", "weight");
    make_bare("named.safetensors", "recur.checksum");
    recur_packed_release(packed);
}

static void print_memory(void)
{
    recur_layer *layer;
    recur_packed *packed;
    recur_memory m = { .size = sizeof m };
    check(recur_model_open(NULL, "stream.safetensors", &layer));
    check(recur_packed_create(NULL, 2, NULL, 50, &packed));
    check(recur_layer_memory(layer, packed, 0, &m));
    const int64_t scratch = m.training > m.inference ? m.training : m.inference;
    const long long bytes = (long long)(m.tape + m.layout + m.record + scratch);
    if (bytes < 1000)
        printf("%lld\n", bytes);
    else
        printf("%lld,%03lld\n", bytes / 1000, bytes % 1000);
    recur_packed_release(packed);
    recur_layer_release(layer);
}

static int flip(const char *from, const char *to, long before_end)
{
    static unsigned char bytes[1 << 20];
    FILE *file = fopen(from, "rb");
    const size_t count = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    bytes[count - (size_t)before_end] ^= 4;
    write_bytes(to, bytes, count);
    return 0;
}

/* ---- processes ------------------------------------------------------------------------------ */

static int read_line(unsigned seconds)
{
    char c;
    alarm(seconds);
    while (read(STDIN_FILENO, &c, 1) == 1) {
        if (c == '\n') return 0;
        putchar(c);
        fflush(stdout);
    }
    return 1;
}

_Noreturn static void become(char **words, int input, const char *terminal, int number)
{
    signal(number, SIG_DFL);
    dup2(input, STDIN_FILENO);
    const int screen = open(terminal, O_RDWR | O_NOCTTY);
    dup2(screen, STDERR_FILENO);
    execv(words[0], words);
    _exit(127);
}

/* Rows for half a second, then the signal; the pipe stays open, so nothing else ends the program.
 */
static void feed(int output, pid_t child, int number)
{
    char rows[4096] = "";
    for (int i = 0; i < 400; i++) strcat(rows, "0.5,0.5\n");
    const struct timespec pause = { .tv_nsec = 10000000 };
    for (int i = 0; i < 50; i++) {
        if (write(output, rows, strlen(rows)) < 0) break;
        nanosleep(&pause, NULL);
    }
    kill(child, number);
}

static int with_signal(int number, char **words)
{
    int pipes[2], status;
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0 || grantpt(terminal) || unlockpt(terminal) || pipe(pipes)) return 1;
    signal(SIGPIPE, SIG_IGN);
    const int held = open(ptsname(terminal), O_RDWR | O_NOCTTY); /* keeps what was written */
    const pid_t child = fork();
    if (!child) {
        close(pipes[1]);
        become(words, pipes[0], ptsname(terminal), number);
    }
    close(pipes[0]);
    feed(pipes[1], child, number);
    waitpid(child, &status, 0);
    char screen[1 << 16];
    fcntl(terminal, F_SETFL, O_NONBLOCK);
    const ssize_t count = read(terminal, screen, sizeof screen);
    write_bytes("screen", screen, count > 0 ? (size_t)count : 0);
    close(held);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int count, char **words)
{
    const char *what = count > 1 ? words[1] : "";
    if (!strcmp(what, "make")) {
        make_rows();
        make_samples("input.wav", "wanted.wav", SAMPLES);
        make_models();
        return 0;
    }
    if (!strcmp(what, "memory")) print_memory();
    if (!strcmp(what, "flip") && count == 5) return flip(words[2], words[3], atol(words[4]));
    if (!strcmp(what, "wav") && count == 4) make_samples(words[2], NULL, atoi(words[3]));
    if (!strcmp(what, "stereo") && count == 3) write_wav(words[2], (float[4]){ 0 }, 4, 2);
    if (!strcmp(what, "line") && count == 3) return read_line((unsigned)atoi(words[2]));
    while (!strcmp(what, "endless")) puts("0.5,-0.5");
    if (!strcmp(what, "signal") && count > 3) return with_signal(atoi(words[2]), words + 3);
    return 0;
}
