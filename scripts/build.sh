# Read by the other scripts: build FOLDER TARGET CMAKE-OPTION...
#
# Says one line and how long it took; the compiler's words only where it failed.

export CCACHE_MAXSIZE="${CCACHE_MAXSIZE:-10G}"
# Another clone of the same source finds what this one built.
export CCACHE_BASEDIR="$PWD" CCACHE_NOHASHDIR=1

build() {
  local folder="$1" target="$2" began
  shift 2
  mkdir -p "$folder"
  began=$(date +%s)
  if cmake -S . -B "$folder" -G Ninja "$@" >"$folder/build.log" 2>&1 &&
    cmake --build "$folder" --target "$target" >>"$folder/build.log" 2>&1; then
    echo "built $target in $folder ($(($(date +%s) - began)) s)" >&2
  else
    echo "cannot build $target in $folder:" >&2
    grep -vE '^\[[0-9]+/[0-9]+\]' "$folder/build.log" | tail -n 60 >&2
    return 1
  fi
}
