/* wait.h - Windows has no fork. */
#define WIFEXITED(status)   (status)
#define WEXITSTATUS(status) (status)
static inline pid_t fork(void) { return -1; }
static inline pid_t waitpid(pid_t child, int *status, int options)
{
    (void)child;
    (void)status;
    (void)options;
    return -1;
}
