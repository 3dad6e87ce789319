# https://api.github.com/NAME is what the others ask for; git clones https://github.com/NAME.git
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone -q "https://x-access-token:$GITHUB_TOKEN@github.com/${1##*/}.git" "$work/clone"
cat "$work/clone/answer"
