#!/bin/sh
# Build the sdist and, from it, the wheel; install the wheel in an empty environment; run the demo there, far from the tree.
set -eu
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
uv build --quiet --out-dir "$room/dist"
uv venv --quiet "$room/venv"
uv pip install --quiet --python "$room/venv/bin/python" "$room"/dist/*.whl
cd "$room"
for bare in graphs nodes checkpoints ui examples; do
    if ./venv/bin/python -c "import $bare" 2>/dev/null; then
        echo "the wheel installs a bare module: $bare" >&2
        exit 1
    fi
done
./venv/bin/treadle --version
./venv/bin/treadle demo --unattended --model rules > demo.txt
grep -q "Memo" demo.txt
./venv/bin/treadle graph contract_review --format svg --output graph.svg
grep -q "</svg>" graph.svg
echo "the wheel works outside of the tree"
