#!/bin/sh
# Installs the npm clients of package.json into FOLDER, unless they are there: install.sh FOLDER
set -eu
here=$(dirname "$0")
mkdir -p "$1"
cmp -s "$here/package.json" "$1/package.json" && [ -d "$1/node_modules/@modelcontextprotocol" ] && exit 0
cp "$here/package.json" "$1/"
# The lock file would name where each was fetched from.
npm install --prefix "$1" --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error
