/* dlfcn.h - there is no library to be found. */
enum { RTLD_NOW };
static inline void *dlopen(const char *name, int how)
{
    (void)name;
    (void)how;
    return (void *)0;
}
static inline void *dlsym(void *library, const char *name)
{
    (void)name;
    return library;
}
