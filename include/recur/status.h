/* recur/status.h - errors are values that carry facts. Included by recur.h; never alone. */
#ifndef RECUR_STATUS_H
#define RECUR_STATUS_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** Codes of recur_status. Their numbers never change. */
enum {
    RECUR_OK = 0,
    RECUR_E_ARGUMENT = -1,    /**< NULL, an unknown constant, a number or id out of its range      */
    RECUR_E_SHAPE = -2,       /**< sizes that should agree do not                                  */
    RECUR_E_MEMORY = -3,      /**< the allocator gave NULL, or a size overflows                    */
    RECUR_E_ORDER = -4,       /**< backward does not match the newest record of the tape           */
    RECUR_E_UNSUPPORTED = -5, /**< meaningful, but not for this kind of object or in this version  */
    RECUR_E_FORMAT = -6,      /**< a damaged or foreign file                                       */
    RECUR_E_IO = -7,          /**< the operating system could not read or write                    */
    RECUR_E_NUMERIC = -8,     /**< NaN, infinity or a wrong result where numbers are checked        */
    RECUR_E_MISSING = -9      /**< a name (of a tensor, child or text) that does not exist         */
};

/** The code's own name, "RECUR_E_SHAPE"; for an unknown code "RECUR_E_UNKNOWN".
 *
 * Shapes:  -
 * Memory:  a constant string; never NULL.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 */
RECUR_API const char *recur_status_name(recur_status status);

/** One general sentence about a code.
 *
 * Shapes:  -
 * Memory:  a constant string; never NULL.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 */
RECUR_API const char *recur_status_text(recur_status status);

/** The sentence of this thread's last failure, with its numbers: "state was made for batch 4, packed
 * has 3". Meaningful right after a failure; a success does not clear it. "" before any failure.
 *
 * Shapes:  -
 * Memory:  belongs to the library; valid until the thread's next failure. Never NULL.
 * Errors:  cannot fail.
 * Threads: free; every thread has its own.
 * Since:   0.1
 */
RECUR_API const char *recur_last_error(void);

#ifdef __cplusplus
}
#endif
#endif
