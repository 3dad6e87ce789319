# Warnings as errors, hardening, sanitizers: what every target of ours is compiled with.
add_library(standin_options INTERFACE)
target_include_directories(standin_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(standin_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
  -fstack-protector-strong -fvisibility=hidden
  # g++ 12 sees overlapping copies in "text" + std::string at -O2 and up (GCC bug 105651), and writes past
  # the end where a vector of bytes grows (GCC bugs 105329, 105762). Clang and the sanitizers look instead.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overread>)
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
