# The libraries that are not ours. Everything is Debian 12's.
find_package(Threads REQUIRED)
if(STANDIN_STATIC)
  set(OPENSSL_USE_STATIC_LIBS TRUE)
endif()
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2 REQUIRED)
find_package(PkgConfig REQUIRED)

# name: pkg-config's name; the static archive is taken where STANDIN_STATIC asks for it.
function(standin_library name archives)
  pkg_check_modules(${name} REQUIRED ${name})
  add_library(lib_${name} INTERFACE)
  if(STANDIN_STATIC)
    foreach(archive ${archives})
      find_library(${archive}_PATH NAMES lib${archive}.a REQUIRED)
      target_link_libraries(lib_${name} INTERFACE ${${archive}_PATH})
    endforeach()
  else()
    target_link_libraries(lib_${name} INTERFACE ${${name}_LIBRARIES})
  endif()
endfunction()
standin_library(libsodium "sodium")
standin_library(libidn2 "idn2;unistring")
standin_library(libpsl "psl;idn2;unistring")
standin_library(libnghttp2 "nghttp2")

add_library(lib_asio INTERFACE)
# Separate compilation keeps Asio's own code out of every unit; proxy/asio.cc holds it once.
target_compile_definitions(lib_asio INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_DISABLE_BOOST_REGEX)
target_link_libraries(lib_asio INTERFACE Boost::headers Threads::Threads)
