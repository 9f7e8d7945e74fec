/* windows.h - the header of Windows, without the words of ours that it defines. */
#ifndef RECUR__WINDOWS_H
#define RECUR__WINDOWS_H

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#undef TEXT
#undef far
#undef max
#undef min
#undef near
#undef small

#endif
