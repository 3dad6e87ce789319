# Writes a script as a raw string literal: node_preload_source.cc. Sent through a generator expression or a list,
# its semicolons would be lost: it is read here.
file(READ ${INPUT} script)
file(WRITE ${OUTPUT} "// Made by cmake/embed_preload.cmake from broker/node_preload.cjs.\n#include <string_view>\n\nnamespace standin::broker {\nstd::string_view node_preload_source();\nstd::string_view node_preload_source() {\n  return R\"preload(${script})preload\";\n}\n}  // namespace standin::broker\n")
