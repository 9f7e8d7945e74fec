/* story.h - an invented text, where no real one is given: simple sentences, in which a word's
 * neighbours tell what it is. */
#ifndef EXAMPLES_STORY_H
#define EXAMPLES_STORY_H

#include <stdint.h>

/* Tells n characters, which depend on the seed, sentence after sentence. No zero ends them. */
void story_tell(uint64_t seed, int64_t n, char *to);

#endif
