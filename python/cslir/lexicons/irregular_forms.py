"""Irregular inflections of English, for what suffix rules can't reach."""

from collections.abc import Mapping
from functools import lru_cache

__all__ = ["irregular_forms"]

# Base form, then its irregular forms. Where a form belongs to two bases the first line that has it counts.
_FORMS = """
a an
be am is are was were been being
have has had having
do does did done doing
go goes went gone going
can could
may might
will would
shall should
arise arose arisen
awake awoke awoken
bear bore borne
beat beaten
become became
begin began begun
bend bent
bind bound
bite bit bitten
bleed bled
blow blew blown
break broke broken
breed bred
bring brought
build built
burn burnt
buy bought
catch caught
choose chose chosen
cling clung
come came
creep crept
deal dealt
dig dug
draw drew drawn
dream dreamt
drink drank drunk
drive drove driven
eat ate eaten
fall fell fallen
feed fed
feel felt
fight fought
find found
flee fled
fly flew flown
forbid forbade forbidden
forget forgot forgotten
forgive forgave forgiven
freeze froze frozen
get got gotten
give gave given
grind ground
grow grew grown
hang hung
hear heard
hide hid hidden
hold held
keep kept
kneel knelt
know knew known
lay laid
lead led
lean leant
leap leapt
learn learnt
leave left
lend lent
lie lay lain lying
light lit
lose lost
make made
mean meant
meet met
mislead misled
mistake mistook mistaken
override overrode overridden
overwrite overwrote overwritten
pay paid
prove proven
rebuild rebuilt
redo redid redone
rewrite rewrote rewritten
ride rode ridden
ring rang rung
rise rose risen
run ran
say said
see saw seen
seek sought
sell sold
send sent
shake shook shaken
shine shone
shoot shot
show shown
shrink shrank shrunk
sing sang sung
sink sank sunk
sit sat
sleep slept
slide slid
speak spoke spoken
spell spelt
spend spent
spill spilt
spin spun
spring sprang sprung
stand stood
steal stole stolen
stick stuck
strike struck stricken
string strung
strive strove striven
swear swore sworn
sweep swept
swim swam swum
swing swung
take took taken
teach taught
tear tore torn
tell told
think thought
throw threw thrown
tie tying
understand understood
undertake undertook undertaken
undo undid undone
wake woke woken
wear wore worn
weave wove woven
win won
wind wound
withdraw withdrew withdrawn
withstand withstood
write wrote written
die dying
good better best
well better best
bad worse worst
far farther farthest further furthest
little less least
many more most
much more most
analysis analyses
appendix appendices
axis axes
basis bases
calf calves
child children
crisis crises
criterion criteria
foot feet
goose geese
half halves
hypothesis hypotheses
index indices
knife knives
leaf leaves
life lives
loaf loaves
man men
matrix matrices
mouse mice
oasis oases
ox oxen
parenthesis parentheses
person people
phenomenon phenomena
self selves
shelf shelves
thesis theses
thief thieves
tooth teeth
vertex vertices
wife wives
wolf wolves
woman women
"""


@lru_cache
def irregular_forms() -> Mapping[str, tuple[str, ...]]:
    """Return the base forms that each irregular form of English may have, likeliest first."""
    bases: dict[str, tuple[str, ...]] = {}
    for line in _FORMS.split("\n"):
        base, *forms = line.split() or [""]
        for form in forms:
            bases[form] = (*bases.get(form, ()), base)
    return bases
