/* command.h - what the sub-commands of recur share.
 *
 * A sub-command is a row of the table in main.c: words for its help, its options, and a function
 * that gives the exit status. All it knows of networks is recur.h, as any program of yours would.
 *
 * Exit status: 0 all is well; 1 the answer is no, or a file cannot be read or written; 2 the
 * command was called wrongly. A sentence on the error output says why. */
#ifndef COMMAND_H
#define COMMAND_H

#include <recur.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { WELL = 0, NO = 1, MISUSED = 2 };
enum { MOST_OPTIONS = 16, MOST_FILES = 2 };

/* ---- options (options.c) -------------------------------------------------------------------- */

typedef struct option {
    const char *name;     /* "frame": written --frame; NULL ends the list                         */
    const char *argument; /* "N"; NULL: the option is a word alone                                */
    const char *help;
} option;

typedef struct arguments arguments;

typedef struct command {
    const char *name;
    const char *files; /* "FILE" or "A B": what stands behind the name                            */
    const char *summary;
    const char *help; /* what else there is to say                                                */
    int least_files, most_files;
    const option *options;
    int (*run)(const arguments *args);
} command;

/* What the user wrote. */
struct arguments {
    const command *command;
    const char
        *value[MOST_OPTIONS]; /* by place in `options`; "" of a word alone; NULL: not there */
    const char *file[MOST_FILES];
    int files;
};

extern const command info_command, verify_command, run_command, bench_command, diff_command,
    import_command, compile_command;

/* Takes the words behind the name of a sub-command. Bad ones end the program with status 2. */
void read_arguments(const command *c, int count, char **words, arguments *args);
void print_command_help(const command *c);

const char *given(const arguments *args, const char *name);
int64_t given_count(const arguments *args, const char *name, int64_t otherwise, int64_t most);
double given_number(const arguments *args, const char *name, double otherwise);
/* RECUR_ISA_* of --isa and RECUR_PRECISION_* of --precision. */
int32_t given_isa(const arguments *args);
int32_t given_precision(const arguments *args);
const char *isa_name(int32_t isa); /* NULL beyond the last                                       */
const char *precision_name(int32_t precision);

/* ---- talk (talk.c) -------------------------------------------------------------------------- */

#define LIKE_PRINTF(at) __attribute__((format(printf, at, (at) + 1)))

/* "recur run: ..." on the error output, and the end of the program with status 2 or 1. */
_Noreturn void misuse(const char *sentence, ...) LIKE_PRINTF(1);
_Noreturn void fail(const char *sentence, ...) LIKE_PRINTF(1);
void warn(const char *sentence, ...) LIKE_PRINTF(1);
/* Fails with the library's sentence, behind the name of a file. */
void check(recur_status status, const char *path);
void name_command(const char *name); /* that the sentences begin with                            */

/* A line on the terminal that is written over; nothing where there is no terminal. */
void progress(const char *text, ...) LIKE_PRINTF(1);
void progress_end(void);

/* Signals take the progress line and an unfinished file with them. */
void handle_signals(void);
void unfinished_file(const char *path); /* NULL: there is none                                   */

/* Flushes the standard output: a full disk is not well. */
int finished(int status);

void *take(void *memory, size_t count, size_t size); /* realloc that ends the program           */
/* A printed text that is the caller's. */
char *text(const char *format, ...) LIKE_PRINTF(1);
/* Numbers for people, in one of a few buffers that go round: 12,345 and 1.2 MB. */
const char *grouped(int64_t number);
const char *bytes_text(int64_t bytes);
/* A name out of a file, which may come from anywhere, without bytes that move the cursor. */
const char *shown(const char *name);
const char *many(int64_t count, const char *things); /* "1 row", "2 rows" */
bool plain_letters(void); /* the terminal's letters are not Unicode                              */

/* ---- models (model.c) ----------------------------------------------------------------------- */

/* A file, and the prefixes of the models in it. */
typedef struct opened {
    const char *path;
    recur_file *file;
    int64_t models;
    char **prefix; /* [models]                                                                   */
} opened;

void open_file(const char *path, recur_context *ctx, opened *out);
void close_file(opened *file);
/* The model that --prefix names, or the only one. */
const char *chosen_prefix(const opened *file, const char *wanted);
recur_layer *model_of(const opened *file, const char *prefix);
recur_context *make_context(int32_t isa, int32_t threads);
recur_layer_info described(const recur_layer *layer);

/* ---- trees (tree.c) ------------------------------------------------------------------------- */

/* A layer or a part of it, in words. */
typedef struct branch {
    char *path;  /* "decoder.rnn"; "" of the whole                                              */
    char *name;  /* with the lines of the tree before it                                        */
    char *kind;  /* "lstm, 2 layers, bidirectional"                                             */
    char *shape; /* "3 → 8"                                                                     */
    int64_t params;
} branch;

typedef struct tree {
    branch *at;
    int64_t count;
} tree;

tree make_tree(const recur_layer *layer);
void free_tree(tree *t);
void print_tree(const tree *t);
/* Letters that stand in columns: bytes of UTF-8 that go on do not count. */
int columns(const char *text);

/* ---- rows (rows_in.c, rows_out.c, wav.c) ---------------------------------------------------- */

enum { FORMAT_CSV = 0, FORMAT_F32 = 1, FORMAT_WAV = 2 };

/* Where rows come from. Numbers are handed out as soon as they are there. */
typedef struct reader {
    const char *path;
    int descriptor, format;
    int64_t width;        /* numbers in a row                                                    */
    int64_t line;         /* CSV: of the last row, from 1 on                                     */
    int64_t rows;         /* read so far                                                         */
    int64_t left;         /* WAV: bytes of samples that are still to come; -1: up to the end     */
    int32_t rate;         /* WAV: samples in a second                                            */
    bool header, ended;   /* CSV: the first line is names; nothing more comes                    */
    unsigned char *bytes; /* [room], of which [begin, end) are not used yet                      */
    size_t room, begin, end;
} reader;

void reader_open(reader *in, const char *path, int format, int64_t width, bool header);
/* The next row; false at the end. A bad one ends the program. */
bool reader_row(reader *in, float *row);
/* Whether a row lies ready: if not, what was written should be seen before more is waited for. */
bool reader_would_wait(const reader *in);
void reader_close(reader *in);
bool reader_fill(reader *in); /* more bytes; false at the end                                    */

/* Where rows go: standard output, or a file that is there only when it is whole. */
typedef struct writer {
    const char *path;
    char *unfinished;
    FILE *file;
    int format;
    int32_t rate;
    int64_t samples, clipped;
    long header; /* WAV: its place, -1 where nobody can go back to it                            */
} writer;

void writer_open(writer *out, const char *path, int format, int32_t rate);
void writer_row(writer *out, const float *row, int64_t width);
void writer_flush(writer *out);
void writer_close(writer *out);

/* RIFF headers: 16 bits, one channel. */
void wav_read_header(reader *in);
void wav_write_header(FILE *file, int32_t rate, int64_t samples); /* -1: as many as there come   */

#endif
