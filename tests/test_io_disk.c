/* test_io_disk.c - saving and loading while the system fails: the n-th call of open, write, fsync
 * and the others ends with an error, is interrupted, or does less than it was asked for; processes
 * that are killed while they save; links, owners and modes; files that change under the reader.
 *
 * The functions of the system are defined here, so the library calls these. They call the real ones
 * unless it is their turn to fail. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/support.h"

/* ---- a system that fails -------------------------------------------------------------------- */

static struct {
    int64_t until;       /* so many calls still succeed; negative: all do */
    int error;           /* of the one that fails */
    bool persists;       /* all later ones fail, too */
    bool shorter;        /* reads and writes do half of it */
    const char *only;    /* the function that fails; NULL: any */
    const char *failed;  /* the one that did last; NULL: none did */
    int64_t opened;      /* files that are open */
    char log[2000];      /* names of the calls */
    const char *changes; /* a file that is changed by the next pread */
    void (*change)(const char *path);
} faults = { .until = -1 };

static bool fails(const char *name)
{
    const size_t used = strlen(faults.log);
    if (used + strlen(name) + 2 < sizeof faults.log) sprintf(faults.log + used, "%s ", name);
    if (faults.only && strcmp(faults.only, name) != 0) return false;
    if (faults.until < 0) return false;
    if (faults.until > 0) {
        faults.until--;
        return false;
    }
    if (!faults.persists) faults.until = -1;
    faults.failed = name;
    errno = faults.error;
    return true;
}

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    assert_non_null(found);
    return found;
}

/* The real function of the same type, called so. */
#define REAL(type, name, ...)      \
    type (*function)(__VA_ARGS__); \
    void *found = real(name);      \
    memcpy((void *)&function, &found, sizeof found)

int open(const char *name, int flags, ...)
{
    REAL(int, "open", const char *, int, ...);
    va_list arguments;
    va_start(arguments, flags);
    const unsigned mode = flags & O_CREAT ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    const bool device = strncmp(name, "/dev/", 5) == 0;
    if (!device && fails(flags & O_DIRECTORY ? "open_folder" : "open")) return -1;
    const int fd = function(name, flags, mode);
    faults.opened += fd >= 0;
    return fd;
}

int close(int fd)
{
    REAL(int, "close", int);
    const bool failing = fails("close");
    const int error = errno;
    const int result = function(fd);
    faults.opened -= result == 0;
    errno = error;
    return failing ? -1 : result;
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    if (fd > 2 && fails("write")) return -1;
    return function(fd, data, fd > 2 && faults.shorter && bytes > 1 ? bytes / 2 : bytes);
}

ssize_t pread(int fd, void *to, size_t bytes, off_t offset)
{
    REAL(ssize_t, "pread", int, void *, size_t, off_t);
    if (fails("pread")) return -1;
    if (faults.changes && offset > 0) {
        faults.change(faults.changes);
        faults.changes = NULL;
    }
    return function(fd, to, faults.shorter && bytes > 1 ? bytes / 2 : bytes, offset);
}

int fsync(int fd)
{
    REAL(int, "fsync", int);
    return fails("fsync") ? -1 : function(fd);
}

int rename(const char *from, const char *to)
{
    REAL(int, "rename", const char *, const char *);
    return fails("rename") ? -1 : function(from, to);
}

int fstat(int fd, struct stat *about)
{
    REAL(int, "fstat", int, struct stat *);
    return fails("fstat") ? -1 : function(fd, about);
}

int lstat(const char *path, struct stat *about)
{
    REAL(int, "lstat", const char *, struct stat *);
    return fails("lstat") ? -1 : function(path, about);
}

ssize_t readlink(const char *path, char *to, size_t room)
{
    REAL(ssize_t, "readlink", const char *, char *, size_t);
    return fails("readlink") ? -1 : function(path, to, room);
}

int fchmod(int fd, mode_t mode)
{
    REAL(int, "fchmod", int, mode_t);
    return fails("fchmod") ? -1 : function(fd, mode);
}

int fchown(int fd, uid_t owner, gid_t group)
{
    REAL(int, "fchown", int, uid_t, gid_t);
    return fails("fchown") ? -1 : function(fd, owner, group);
}

static void no_faults(void)
{
    faults.until = -1;
    faults.persists = false;
    faults.shorter = false;
    faults.only = NULL;
    faults.failed = NULL;
    faults.log[0] = '\0';
    faults.changes = NULL;
}

/* ---- a folder, and two models --------------------------------------------------------------- */

static char folder[] = "/tmp/recur_disk_XXXXXX";
static char path[300];
static recur_layer *old_model, *new_model;

static recur_layer *model(uint64_t seed)
{
    recur_layer *layer = recurrent(NULL, RECUR_CELL_GRU, 20, 40, 1, 0, 0);
    dice(seed);
    randomize(layer, 1);
    return layer;
}

static int begin_all(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/model", folder);
    old_model = model(1);
    new_model = model(2);
    return 0;
}

static int end_all(void **state)
{
    (void)state;
    recur_layer_release(old_model);
    recur_layer_release(new_model);
    unlink(path);
    return rmdir(folder);
}

static bool is_model(const recur_layer *layer, const char *at)
{
    recur_layer *got = NULL;
    OK(recur_model_open(NULL, at, &got));
    const int64_t count = recur_layer_param_count(layer);
    const bool same = memcmp(recur_layer_params(got), recur_layer_params((recur_layer *)layer),
                             (size_t)count * sizeof(float)) == 0;
    recur_layer_release(got);
    return same;
}

/* Removes what killed processes leave behind, and counts it. */
static int clear_temporaries(void)
{
    char name[600];
    int count = 0;
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (strncmp(entry->d_name, ".recur-", 7) != 0) continue;
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        assert_int_equal(strlen(entry->d_name), 7 + 16 + 4);
        assert_int_equal(unlink(name), 0);
        count++;
    }
    closedir(entries);
    return count;
}

/* ---- the n-th call fails -------------------------------------------------------------------- */

static const struct {
    int error;
    const char *name;
} errors[] = { { EIO, "EIO" },       { ENOSPC, "ENOSPC" }, { EACCES, "EACCES" },
               { EDQUOT, "EDQUOT" }, { EROFS, "EROFS" },   { ENOENT, "ENOENT" } };

static void set_faults(int64_t n, int error, bool persists)
{
    no_faults();
    faults.until = n;
    faults.error = error;
    faults.persists = persists;
}

/* Saves over the old model; gives whether a call failed. */
static bool save_while_failing(int64_t n, int error, bool persists, const char *name)
{
    no_faults();
    OK(recur_model_save(old_model, path, NULL));
    set_faults(n, error, persists);
    support_forget();
    const int64_t opened = faults.opened;
    const recur_status status = recur_model_save(new_model, path, NULL);
    const bool failed = faults.failed != NULL;
    char log[sizeof faults.log];
    strcpy(log, faults.log);
    no_faults();
    trying("call %lld fails with %s: %s", (long long)n, name, log);
    assert_int_equal(faults.opened, opened);
    assert_int_equal(clear_temporaries(), 0);
    const bool is_new = is_model(new_model, path);
    assert_true(is_new || is_model(old_model, path));
    if (!status) {
        assert_true(is_new);
        return failed;
    }
    assert_true(failed);
    support_fails(status, status, "", "save", __FILE__, __LINE__);
    assert_true(status == RECUR_E_IO || status == RECUR_E_NOT_FOUND);
    /* Behind the renaming only the folder can fail, and the sentence says so. */
    if (is_new) assert_non_null(strstr(recur_last_error(), "the new file is there"));
    return true;
}

static void saving_while_a_call_fails(void **state)
{
    (void)state;
    for (int e = 0; e < COUNT(errors); e++)
        for (int persists = 0; persists < 2; persists++) {
            int64_t n = 0;
            while (save_while_failing(n, errors[e].error, persists, errors[e].name)) n++;
            assert_true(n > 8);
        }
}

static recur_status open_while_failing(recur_context *ctx, int64_t n, int error, bool *failed)
{
    recur_layer *got = NULL;
    set_faults(n, error, false);
    const int64_t opened = faults.opened;
    const recur_status status = recur_model_open(ctx, path, &got);
    *failed = faults.failed != NULL;
    no_faults();
    assert_int_equal(faults.opened, opened);
    assert_int_equal(got != NULL, !status);
    recur_layer_release(got);
    return status;
}

static void loading_while_a_call_fails(void **state)
{
    (void)state;
    OK(recur_model_save(old_model, path, NULL));
    for (int e = 0; e < COUNT(errors); e++) {
        counter c;
        recur_context *ctx = counting_context(&c, RECUR_ISA_REF);
        bool failed = true;
        int64_t n = 0;
        for (; failed; n++) {
            trying("call %lld fails with %s", (long long)n, errors[e].name);
            support_forget();
            const recur_status status = open_while_failing(ctx, n, errors[e].error, &failed);
            if (status) support_fails(status, status, "model errno", "open", __FILE__, __LINE__);
            assert_int_equal(c.blocks, 1);
        }
        assert_true(n > 5);
        recur_context_release(ctx);
    }
}

/* The functions that a signal may interrupt. */
static bool is_interruptible(const char *name)
{
    static const char *const names[] = {
        "open", "open_folder", "close", "write", "pread", "fsync"
    };
    for (int i = 0; i < COUNT(names); i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

/* An interrupted call is made again; one that does less than it was asked for goes on. */
static bool works_when_interrupted(int64_t n, bool shorter, bool saves)
{
    recur_layer *got = NULL;
    set_faults(n, EINTR, false);
    faults.shorter = shorter;
    const recur_status status = saves ? recur_model_save(new_model, path, NULL)
                                      : recur_model_open(NULL, path, &got);
    const char *failed = faults.failed;
    no_faults();
    trying("call %lld, %s, is interrupted", (long long)n, failed ? failed : "none");
    if (!failed || is_interruptible(failed)) OK(status);
    if (!status) assert_true(is_model(new_model, path));
    recur_layer_release(got);
    return failed != NULL;
}

static void interrupted_and_short_calls(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        int64_t n = 0;
        OK(recur_model_save(new_model, path, NULL));
        while (works_when_interrupted(n, i & 1, i & 2)) n++;
        assert_true(n > 5);
    }
}

/* What makes a power loss harmless: the data are on the disk before the name is, and the name
 * before the call returns. */
static void the_order_of_calls(void **state)
{
    (void)state;
    OK(recur_model_save(old_model, path, NULL));
    no_faults();
    OK(recur_model_save(new_model, path, NULL));
    const char *at = faults.log;
    static const char *const order[] = { "lstat ", "open ",   "fchmod ",      "write ", "fsync ",
                                         "close ", "rename ", "open_folder ", "fsync ", "close " };
    for (int i = 0; i < COUNT(order); i++) {
        trying("%s in %s", order[i], faults.log);
        at = strstr(at, order[i]);
        assert_non_null(at);
        at += strlen(order[i]);
    }
    assert_null(strstr(at, "write"));
    assert_null(strstr(strstr(faults.log, "fsync"), "write"));
    no_faults();
}

/* What a disk holds of a new file whose bytes were written, but not yet synced: blocks in any
 * order, cut anywhere. Returns how many bytes there are. */
static size_t unsynced(const unsigned char *all, size_t bytes, unsigned char *on_disk)
{
    enum { BLOCK = 512 };
    const size_t length = (size_t)below((int64_t)bytes + 1);
    memset(on_disk, 0, length);
    for (size_t at = 0; at < length; at += BLOCK)
        if (below(2)) memcpy(on_disk + at, all + at, length - at < BLOCK ? length - at : BLOCK);
    return length;
}

static size_t bytes_at(const char *at, unsigned char *to, size_t most)
{
    FILE *file = fopen(at, "rb");
    assert_non_null(file);
    const size_t bytes = fread(to, 1, most, file);
    assert_true(bytes < most);
    assert_int_equal(fclose(file), 0);
    return bytes;
}

/* What has been done when the power goes. */
typedef struct progress {
    bool synced, renamed, durable; /* the data; the name; the name on the disk */
} progress;

/* What the name stands for on the disk then: the old file or what is there of the new one. */
static void lose_power(const progress *p, const unsigned char *all, size_t bytes)
{
    static unsigned char on_disk[1 << 16];
    OK(recur_model_save(old_model, path, NULL));
    const bool new_name = p->renamed && (p->durable || below(2));
    if (!new_name) return;
    size_t there = bytes;
    if (p->synced)
        memcpy(on_disk, all, bytes);
    else
        there = unsynced(all, bytes, on_disk);
    FILE *file = fopen(path, "wb");
    assert_true(file && fwrite(on_disk, 1, there, file) == there && fclose(file) == 0);
}

/* The power goes after any of the calls of a save; writes that were not synced are lost in part. */
static void power_is_lost(void **state)
{
    (void)state;
    enum { TIMES = 8 };
    static unsigned char all[1 << 16];
    char log[sizeof faults.log];
    progress p = { 0 };
    bool in_folder = false;
    int of_new = 0, crashes = 0;
    dice(3);
    OK(recur_model_save(old_model, path, NULL));
    no_faults();
    OK(recur_model_save(new_model, path, NULL));
    strcpy(log, faults.log);
    const size_t bytes = bytes_at(path, all, sizeof all);
    for (char *call = strtok(log, " "); call; call = strtok(NULL, " ")) {
        if (strcmp(call, "open_folder") == 0) in_folder = true;
        if (strcmp(call, "write") == 0) p.synced = false;
        if (strcmp(call, "rename") == 0) p.renamed = true;
        if (strcmp(call, "fsync") == 0) *(in_folder ? &p.durable : &p.synced) = true;
        for (int i = 0; i < TIMES; i++, crashes++) {
            lose_power(&p, all, bytes);
            trying("after %s", call);
            const bool is_new = is_model(new_model, path);
            assert_true(is_new || is_model(old_model, path));
            of_new += is_new;
        }
    }
    no_faults();
    assert_true(p.synced && p.durable && of_new > 0 && of_new < crashes);
}

/* ---- kills ---------------------------------------------------------------------------------- */

/* Saves the new and the old model in turn, and tells the parent of each save, until it is killed.
 */
static void save_for_ever(int to_parent)
{
    for (int k = 0;; k++) {
        if (recur_model_save(k & 1 ? old_model : new_model, path, NULL)) _exit(1);
        if (write(to_parent, "", 1) != 1) _exit(1);
    }
}

static pid_t start_saving(int *from_child)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) save_for_ever(ends[1]);
    close(ends[1]);
    *from_child = ends[0];
    return child;
}

/* A third of the kills may come before the first save, the others come after one or two. */
static void killed_while_saving(void **state)
{
    (void)state;
    enum { KILLS = 100 };
    int left = 0;
    int of_new = 0;
    OK(recur_model_save(old_model, path, NULL));
    for (int i = 0; i < KILLS; i++) {
        int from_child, ended;
        char saved;
        const pid_t child = start_saving(&from_child);
        for (int saves = 0; saves < i % 3; saves++)
            assert_int_equal(read(from_child, &saved, 1), 1);
        const struct timespec pause = { 0, 37000 * (i % 71) };
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        waitpid(child, &ended, 0);
        close(from_child);
        assert_true(WIFSIGNALED(ended));
        const bool is_new = is_model(new_model, path);
        trying("kill %d", i);
        assert_true(is_new || is_model(old_model, path));
        of_new += is_new;
        left += clear_temporaries();
    }
    print_message("%d kills: %d times the new model, %d temporary files left\n", KILLS, of_new,
                  left);
    assert_true(of_new > 0);
}

/* ---- links, owners, modes ------------------------------------------------------------------- */

static mode_t mode_of(const char *at)
{
    struct stat about;
    assert_int_equal(stat(at, &about), 0);
    return about.st_mode & 07777;
}

static void links_stay_links(void **state)
{
    (void)state;
    char link[300];
    char second[300];
    char text[300];
    char loop[300];
    struct stat about;
    snprintf(link, sizeof link, "%s/link", folder);
    snprintf(second, sizeof second, "%s/second", folder);
    snprintf(loop, sizeof loop, "%s/loop", folder);
    OK(recur_model_save(old_model, path, NULL));
    assert_int_equal(symlink("model", link), 0);
    assert_int_equal(symlink(link, second), 0);
    OK(recur_model_save(new_model, second, NULL));
    assert_true(is_model(new_model, path));
    assert_int_equal(readlink(second, text, sizeof text), strlen(link));
    assert_int_equal(lstat(link, &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    /* A link to nothing makes the file that it names. */
    unlink(path);
    OK(recur_model_save(old_model, second, NULL));
    assert_int_equal(lstat(path, &about), 0);
    assert_true(S_ISREG(about.st_mode) && is_model(old_model, path));
    assert_int_equal(symlink("loop", loop), 0);
    FAILS(RECUR_E_IO, recur_model_save(old_model, loop, NULL), "loop");
    unlink(loop);
    assert_int_equal(symlink("nowhere/model", loop), 0);
    FAILS(RECUR_E_NOT_FOUND, recur_model_save(old_model, loop, NULL), "nowhere");
    unlink(loop);
    assert_int_equal(symlink(".", loop), 0);
    FAILS(RECUR_E_IO, recur_model_save(old_model, loop, NULL), "regular file");
    unlink(loop);
    unlink(link);
    unlink(second);
}

static void other_names_keep_the_old_file(void **state)
{
    (void)state;
    char other[300];
    snprintf(other, sizeof other, "%s/other", folder);
    OK(recur_model_save(old_model, path, NULL));
    assert_int_equal(link(path, other), 0);
    OK(recur_model_save(new_model, path, NULL));
    assert_true(is_model(new_model, path) && is_model(old_model, other));
    unlink(other);
}

static void modes_and_owners_stay(void **state)
{
    (void)state;
    static const mode_t modes[] = { 0666, 0600, 0444, 0640, 0755 };
    const mode_t before = umask(027);
    unlink(path);
    OK(recur_model_save(old_model, path, NULL));
    assert_int_equal(mode_of(path), 0640);
    for (int i = 0; i < COUNT(modes); i++) {
        trying("mode %o", (unsigned)modes[i]);
        assert_int_equal(chmod(path, modes[i]), 0);
        OK(recur_model_save(new_model, path, NULL));
        assert_int_equal(mode_of(path), modes[i]);
    }
    umask(before);
    struct stat about;
    if (chown(path, 1234, 1235)) {
        print_message("not root: owners are not changed\n");
        return;
    }
    OK(recur_model_save(old_model, path, NULL));
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_uid, 1234);
    assert_int_equal(about.st_gid, 1235);
    /* Where the system refuses, the group's members get what others get. */
    assert_int_equal(chmod(path, 0664), 0);
    set_faults(0, EPERM, true);
    faults.only = "fchown";
    OK(recur_model_save(old_model, path, NULL));
    no_faults();
    assert_int_equal(mode_of(path), 0644);
    /* Where not even the mode can be set, the file is its owner's alone. */
    set_faults(0, EPERM, true);
    faults.only = "fchmod";
    OK(recur_model_save(old_model, path, NULL));
    no_faults();
    assert_int_equal(mode_of(path), 0600);
}

static void long_names(void **state)
{
    (void)state;
    char name[400];
    char full[5000];
    snprintf(name, sizeof name, "%s/", folder);
    const size_t used = strlen(name);
    memset(name + used, 'n', 255);
    name[used + 255] = '\0';
    OK(recur_model_save(old_model, name, NULL));
    assert_int_equal(unlink(name), 0);
    memset(full, '/', sizeof full);
    full[sizeof full - 1] = '\0';
    FAILS(RECUR_E_IO, recur_model_save(old_model, full, NULL), "long");
    FAILS(RECUR_E_IO, recur_model_save(old_model, folder, NULL), "regular");
    FAILS(RECUR_E_IO, recur_model_save(old_model, "/dev/null", NULL), "regular");
    FAILS(RECUR_E_NOT_FOUND, recur_model_save(old_model, "", NULL), "");
    FAILS(RECUR_E_NOT_FOUND, recur_model_save(old_model, "/nonexistent/x", NULL), "nonexistent");
    FAILS(RECUR_E_NOT_FOUND, recur_model_save(old_model, "/dev/null/x", NULL), "null");
    assert_int_equal(chdir(folder), 0);
    OK(recur_model_save(new_model, "model", NULL));
    assert_int_equal(chdir("/"), 0);
    assert_true(is_model(new_model, path));
    assert_int_equal(clear_temporaries(), 0);
}

/* ---- files that change under the reader ----------------------------------------------------- */

static void append(const char *at)
{
    FILE *out = fopen(at, "ab");
    assert_non_null(out);
    fputc(0, out);
    fclose(out);
}

static void overwrite(const char *at)
{
    struct stat before;
    FILE *out = fopen(at, "r+b");
    assert_non_null(out);
    assert_int_equal(stat(at, &before), 0);
    /* In the same second. */
    struct timespec times[2] = { before.st_mtim, before.st_mtim };
    times[1].tv_nsec ^= 1;
    fputc(9, out);
    fclose(out);
    assert_int_equal(utimensat(AT_FDCWD, at, times, 0), 0);
}

static void shorten(const char *at) { assert_int_equal(truncate(at, 100), 0); }

static void replace(const char *at)
{
    faults.changes = NULL;
    OK(recur_model_save(new_model, at, NULL));
}

static void changes_are_told(void **state)
{
    (void)state;
    static const struct {
        void (*change)(const char *path);
        const char *words;
    } rows[] = { { append, "changed while read" },
                 { overwrite, "changed while read" },
                 { shorten, "shorter while read" } };
    for (int i = 0; i < COUNT(rows); i++) {
        recur_layer *got = NULL;
        unlink(path);
        OK(recur_model_save(old_model, path, NULL));
        faults.changes = path;
        faults.change = rows[i].change;
        FAILS(RECUR_E_IO, recur_model_open(NULL, path, &got), rows[i].words);
        assert_null(got);
    }
    /* A file that takes its place does no harm: the old one is read to its end. */
    recur_layer *got = NULL;
    unlink(path);
    OK(recur_model_save(old_model, path, NULL));
    faults.changes = path;
    faults.change = replace;
    OK(recur_model_open(NULL, path, &got));
    check_same("parameters", recur_layer_param_count(got), recur_layer_params(got),
               recur_layer_params(old_model));
    recur_layer_release(got);
    assert_true(is_model(new_model, path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(saving_while_a_call_fails),
        TEST(loading_while_a_call_fails),
        TEST(interrupted_and_short_calls),
        TEST(the_order_of_calls),
        TEST(power_is_lost),
        TEST(killed_while_saving),
        TEST(links_stay_links),
        TEST(other_names_keep_the_old_file),
        TEST(modes_and_owners_stay),
        TEST(long_names),
        TEST(changes_are_told),
    };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}
