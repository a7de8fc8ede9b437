#!/bin/sh
# The static encoder's rows over three seeds: each seed draws the order of training, the switches and the languages of
# the mixtures anew. About eight minutes on two cores. Usage: recipes/static_three_seeds.sh [OUTPUT]
set -eu
output=${1:-runs/static-three-seeds}
for seed in 1 2 3; do
    cslir demo --quick --seed "$seed" --output "$output/seed-$seed" >/dev/null
done
cslir compare "$output"/seed-*/demo.json --format markdown
