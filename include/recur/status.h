/* recur/status.h - errors are values that carry facts. Included by recur.h; never alone.
 *
 * Example: what failed, and what can be done about it.
 *
 *     recur_layer *net;
 *     const recur_status status = recur_model_open(NULL, "net.safetensors", &net);
 *     if (status == RECUR_E_NOT_FOUND)
 *         puts("there is no model yet: train one first");
 *     else if (status)
 *         printf("%s: %s\n", recur_status_name(status), recur_last_error());
 *     else
 *         recur_layer_release(net);
 */
#ifndef RECUR_STATUS_H
#define RECUR_STATUS_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** Codes of recur_status. Their numbers never change. Whatever the code, recur_last_error() names
 * the argument, tensor or file, with the numbers; show it to the user or write it to your log. */
enum {
    /** Success. Go on. */
    RECUR_OK = 0,
    /** An argument is NULL, no constant of its group, or a number or id out of its range. This is a
     * mistake in the calling program, or input that it did not check: correct the argument. */
    RECUR_E_ARGUMENT = -1,
    /** Sizes that should agree do not: a batch, a number of features, the shape of a tensor.
     * Compare the two sizes in the sentence, and make one of them fit the other. */
    RECUR_E_SHAPE = -2,
    /** The allocator gave NULL, or a size is too large to be computed. Free something, or take a
     * smaller batch, then call again; nothing was changed. */
    RECUR_E_MEMORY = -3,
    /** Backward does not match the newest record of the tape. Run backward in the opposite order of
     * forward, over the same layer and layout; recur_tape_reset() begins anew. */
    RECUR_E_ORDER = -4,
    /** The call has a meaning, but not for this kind of object, or not in this version. Use another
     * function or kind, as the sentence says; for a file, a newer library. */
    RECUR_E_UNSUPPORTED = -5,
    /** A file is damaged, or of another format. Fetch it again, or convert it; do not retry. */
    RECUR_E_FORMAT = -6,
    /** The operating system could not read or write: no permission, a full disk, a folder where a
     * file should be. Remove what it complains about, then call again. */
    RECUR_E_IO = -7,
    /** A number is NaN or infinite, or a model computes something else than its sample says. Look
     * for the step of training that began it, or for the file that does not belong here. */
    RECUR_E_NUMERIC = -8,
    /** An object has nothing of that name: no tensor, part or text is called so. Compare the
     * spelling and the prefix with the names that it has. */
    RECUR_E_MISSING = -9,
    /** A file, or a folder on its path, is not there. Correct the path, or make the file first; for
     * a first run this may be no error at all. */
    RECUR_E_NOT_FOUND = -10
};

/** The code's own name, "RECUR_E_SHAPE"; for an unknown code "RECUR_E_UNKNOWN".
 *
 * Shapes:  -
 * Memory:  a constant string; never NULL.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param status any number.
 */
RECUR_API const char *recur_status_name(recur_status status);

/** One general sentence about a code.
 *
 * Shapes:  -
 * Memory:  a constant string; never NULL.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param status any number.
 */
RECUR_API const char *recur_status_text(recur_status status);

/** The sentence of this thread's last failure, with its numbers: "state was made for batch 4,
 * packed has 3". Meaningful right after a failure; a success does not clear it. "" before any
 * failure.
 *
 * Shapes:  -
 * Memory:  belongs to the library; valid until the thread's next failure. Never NULL.
 * Errors:  cannot fail.
 * Threads: free; every thread has its own.
 * Since:   0.1
 */
RECUR_API const char *recur_last_error(void);

/** For functions of yours that the library calls, such as an exchange of shards: sets the sentence
 * of recur_last_error, and gives the status back.
 *
 * Shapes:  -
 * Memory:  allocates nothing; keeps the first 511 bytes.
 * Errors:  cannot fail.
 * Threads: free; every thread has its own.
 * Since:   0.1
 * @param status RECUR_E_*.
 * @param sentence what failed, with its numbers, and what can be done; NULL: "".
 */
RECUR_API recur_status recur_fail(recur_status status, const char *sentence);

#ifdef __cplusplus
}
#endif
#endif
