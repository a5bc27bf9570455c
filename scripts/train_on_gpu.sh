#!/bin/bash
# Thirty minutes of one GPU in calls of at most ten: docs/training.md. Arguments: calls (1 2 3) or names of stages.
# Environment: PACK (folder of data/ and lite0.pth), OUT (what is brought back), STEPS (more options, for a dry run).
set -euo pipefail
cd "$(dirname "$0")/.."
PACK=${PACK:-out/pack}
RUN=${RUN:-out/gpu}
OUT=${OUT:-out/gpu/back}
PYTHON=${PYTHON:-python3}
STEPS=${STEPS:---device cuda}
KEEP_STATE=${KEEP_STATE:-}
mkdir -p "$RUN" "$OUT"

stage() { # name, minutes, more options
  local name=$1 minutes=$2
  shift 2
  "$PYTHON" -W ignore -m uav_tracker_ros.training "$name" --data "$PACK/data" --out "$RUN/$name" \
    --minutes "$minutes" --finish "$@" $STEPS
  bring_back "$name"
}

bring_back() { # weights and log of a stage, in pieces that a transfer takes
  local name=$1 file
  for file in best.safetensors last.safetensors log.csv ${KEEP_STATE:+state.pt}; do
    [ -f "$RUN/$name/$file" ] || continue
    [ "$file" = last.safetensors ] && [ -f "$RUN/$name/best.safetensors" ] && continue
    cp "$RUN/$name/$file" "$OUT/$name.$file"
  done
  "$PYTHON" - "$OUT" <<'PY'
import sys
from pathlib import Path
from uav_tracker_ros.training.checkpoint import split
for file in Path(sys.argv[1]).glob("*.*"):
    if file.stat().st_size > 15 * 2**20:
        split(file, 15)
PY
}

prune_full() {
  mkdir -p "$RUN/pruned"
  "$PYTHON" -W ignore - "$RUN/siamfcpp" "$PACK/data" "$RUN/pruned" "${CROPS:-64}" <<'PY'
import sys
from pathlib import Path
from uav_tracker_ros.training.pruning_run import PruneSettings, prune
run, data, out = map(Path, sys.argv[1:4])
weights = next(run / name for name in ("best.safetensors", "last.safetensors") if (run / name).is_file())
print(prune(weights, [data], out, PruneSettings(crops=int(sys.argv[4])), lambda: None).rows)
PY
}

weights_of() { # the best of a stage, or its last where nothing was judged
  for file in best last; do
    [ -f "$RUN/$1/$file.safetensors" ] && echo "$RUN/$1/$file.safetensors" && return
  done
  echo "$RUN/$1 has no weights; expected those of the stage $1: run it first" >&2
  return 1
}

for what in "$@"; do
  case $what in
    1)
      stage siamfcpp_lite0 4.5 --teacher "$PACK/lite0.pth" --init models/siamfcpp_lite0.safetensors
      stage siamfcpp_trunk 4.9 --teacher "$PACK/lite0.pth"
      ;;
    2) stage siamfcpp 9.4 --init "$(weights_of siamfcpp_trunk)" ;;
    3)
      prune_full
      stage ps_siamfcpp 3.9 --init "$RUN/pruned/p_siamfcpp_0.4.safetensors"
      stage p_siamfcpp 3.9 --init "$RUN/pruned/p_siamfcpp_0.4.safetensors"
      ;;
    dsatrack_trunk) stage dsatrack_trunk 9.4 --teacher "$PACK/lite0.pth" ;;
    dsatrack_vit_t) stage dsatrack_vit_t 9.4 --init "$(weights_of dsatrack_trunk)" ;;
    dsatrack_vit_t_memory) stage dsatrack_vit_t_memory 9.4 --init "$(weights_of dsatrack_vit_t)" ;;
    eatrack) stage eatrack 9.4 --init "$(weights_of dsatrack_vit_t)" --tutor "$(weights_of dsatrack_vit_t)" ;;
    *)
      echo "'$what' is no call; expected 1, 2, 3, dsatrack_trunk, dsatrack_vit_t, dsatrack_vit_t_memory or eatrack" >&2
      exit 1
      ;;
  esac
done
