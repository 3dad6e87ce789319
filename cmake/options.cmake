# Warnings as errors, hardening, sanitizers: what every target of ours is compiled with.
add_library(standin_options INTERFACE)
target_include_directories(standin_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(standin_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
  -fstack-protector-strong -fvisibility=hidden
  # g++ 12 at -O2 and up takes "text" + std::string for an overlapping copy (GCC bug 105651), and an insert at the
  # end of a vector for an overflow (107852). clang and the sanitizers look at the same code.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict$<SEMICOLON>-Wno-stringop-overflow$<SEMICOLON>-Wno-stringop-overread>)
if(CMAKE_BUILD_TYPE MATCHES "Rel")
  target_compile_definitions(standin_options INTERFACE _FORTIFY_SOURCE=2)
endif()
target_link_options(standin_options INTERFACE -Wl,-z,relro,-z,now -Wl,--as-needed)
if(STANDIN_SANITIZE)
  target_compile_options(standin_options INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(standin_options INTERFACE -fsanitize=address,undefined)
endif()
if(STANDIN_FUZZ)
  target_compile_options(standin_options INTERFACE
    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(standin_options INTERFACE -fsanitize=address,undefined)
endif()
