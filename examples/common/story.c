/* story.c - telling sentences from templates; see story.h.
 *
 * A letter in a template is a slot. P is a person, and by that person H is he or she, S is his or
 * hers, X what that person has to do with; K is one who reigns; C is a country and T its capital, L
 * is spoken there and F eaten; A is an animal, Y its young, N the noise it makes; V is done today,
 * D the same done yesterday, W where. So king is to queen as man to woman, Rome to Italy as Paris
 * to France, walks to walked as plays to played. */
#include "story.h"
#include "dice.h"

#include <string.h>

#define COUNT(array) ((int64_t)(sizeof(array) / sizeof *(array)))

static const char *const people[][3] = {
    /* he, she, what for */
    { "man", "woman", "work" },      { "boy", "girl", "school" },
    { "father", "mother", "child" }, { "brother", "sister", "sibling" },
    { "uncle", "aunt", "nephew" },   { "actor", "actress", "stage" },
    { "king", "queen", "throne" },   { "prince", "princess", "castle" },
};
enum { FIRST_ROYAL = 6 };
static const char *const countries[][4] = {
    { "france", "paris", "french", "snails" },  { "italy", "rome", "italian", "pasta" },
    { "spain", "madrid", "spanish", "paella" }, { "greece", "athens", "greek", "olives" },
    { "poland", "warsaw", "polish", "soup" },   { "sweden", "stockholm", "swedish", "herring" },
};
static const char *const animals[][3] = {
    { "dog", "puppy", "barks" },   { "cat", "kitten", "meows" },  { "cow", "calf", "moos" },
    { "horse", "foal", "neighs" }, { "sheep", "lamb", "bleats" },
};
static const char *const verbs[][3] = {
    { "walks", "walked", "forest" },  { "plays", "played", "garden" },
    { "works", "worked", "office" },  { "rests", "rested", "house" },
    { "dances", "danced", "street" }, { "waits", "waited", "station" },
};

static const char *const templates[] = {
    "the P takes S hat and says that H is tired",
    "the P and S X : H is a good P",
    "a P thinks of the X , and H sings",
    "the X of the P is old",
    "the K wears S crown and sits on S chair",
    "the K of C lives in a palace in T",
    "T is the capital of C , and all of T speaks L",
    "in T they speak L and eat F",
    "people of C speak L and eat F",
    "today the P V in the W",
    "yesterday the P D in the W",
    "in the W the P V every day , as H D before",
    "the A N at S Y",
    "a Y runs to the A that N",
    "the P has a A that N and a little Y",
};

/* What the slots of one sentence hold. */
typedef struct {
    int64_t person, royal, gender, country, animal, verb;
} sentence;

static const char *fill(const sentence *s, char slot)
{
    static const char *const pronouns[][2] = { { "he", "she" }, { "his", "her" } };
    switch (slot) {
    case 'P':
        return people[s->person][s->gender];
    case 'K':
        return people[s->royal][s->gender];
    case 'H':
        return pronouns[0][s->gender];
    case 'S':
        return pronouns[1][s->gender];
    case 'X':
        return people[s->person][2];
    case 'C':
        return countries[s->country][0];
    case 'T':
        return countries[s->country][1];
    case 'L':
        return countries[s->country][2];
    case 'F':
        return countries[s->country][3];
    case 'A':
        return animals[s->animal][0];
    case 'Y':
        return animals[s->animal][1];
    case 'N':
        return animals[s->animal][2];
    case 'V':
        return verbs[s->verb][0];
    case 'D':
        return verbs[s->verb][1];
    case 'W':
        return verbs[s->verb][2];
    default:
        return NULL;
    }
}

static sentence throw_sentence(dice *d)
{
    sentence s;
    s.gender = below(d, 2);
    s.person = below(d, COUNT(people));
    s.royal = FIRST_ROYAL + below(d, COUNT(people) - FIRST_ROYAL);
    s.country = below(d, COUNT(countries));
    s.animal = below(d, COUNT(animals));
    s.verb = below(d, COUNT(verbs));
    return s;
}

/* Writes as much of a word as there is room for. */
static int64_t put(char *to, int64_t at, int64_t n, const char *word, size_t length)
{
    const size_t room = (size_t)(n - at), used = length < room ? length : room;
    memcpy(to + at, word, used);
    return at + (int64_t)used;
}

void story_tell(uint64_t seed, int64_t n, char *to)
{
    dice d = dice_for(seed, 0x73746f7279);
    for (int64_t at = 0; at < n;) {
        const char *c = templates[below(&d, COUNT(templates))];
        const sentence s = throw_sentence(&d);
        for (; *c && at < n; c++) {
            const char *word = fill(&s, *c);
            at = put(to, at, n, word ? word : c, word ? strlen(word) : 1);
        }
        at = put(to, at, n, " .\n", 3);
    }
}
