/* resource.h - Windows has no limit for the size of a file. */
typedef unsigned long rlim_t;
struct rlimit {
    rlim_t rlim_cur, rlim_max;
};
enum { RLIMIT_FSIZE };
enum { SIGXFSZ = 25 };
static inline int getrlimit(int what, struct rlimit *limit)
{
    (void)what;
    (void)limit;
    return -1;
}
static inline int setrlimit(int what, const struct rlimit *limit)
{
    (void)what;
    (void)limit;
    return -1;
}
