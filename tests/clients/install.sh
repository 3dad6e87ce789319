#!/bin/sh
# Installs the npm clients of package.json and the programs of programs/ into FOLDER, each unless it is there as it
# should be: install.sh FOLDER
set -eu
here=$(dirname "$0")
mkdir -p "$1/programs"

if ! cmp -s "$here/package.json" "$1/installed.json"; then
  cp "$here/package.json" "$1/"
  # The lock file would name where each was fetched from.
  npm install --prefix "$1" --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error
  cp "$here/package.json" "$1/installed.json"  # last, so that what broke off is done again
fi

for source in "$here"/programs/*; do
  file=$(basename "$source")
  made="$1/programs/${file%.*}"
  # What is built goes beside a copy of its source, which says what it was built from.
  cmp -s "$source" "$1/programs/$file" && continue
  case $file in
  *.go) CGO_ENABLED=0 GO111MODULE=off GOCACHE="$(realpath "$1")/go-cache" go build -trimpath -o "$made" "$source" ;;
  *.c) gcc -O1 -static -Wl,--no-warnings -o "$made" "$source" -lssl -lcrypto ;;
  *.cc) g++ -std=c++20 -O1 -o "$made" "$source" -lssl -lcrypto ;;
  *.java) javac -d "$1/programs" "$source" ;;
  esac
  cp "$source" "$1/programs/"
done
