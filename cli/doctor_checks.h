#pragma once

#include <vector>

#include "cli/doctor.h"

namespace standin::cli {

/// The vault, its key, its folders, each credential, then the log. A vault that can't be opened fails here.
std::vector<Diagnosis> check_vault_and_log(const Places& places);
Diagnosis check_runtime_folder(const Places& places);
/// A run listens on 127.0.0.1.
Diagnosis check_loopback();
std::vector<Diagnosis> check_trust_roots();
Diagnosis check_clock(const Places& places);
/// HTTPS_PROXY and the like: the way upstream. Their passwords are not shown.
std::vector<Diagnosis> check_upstream_proxies();
std::vector<Diagnosis> check_kernel_capture();

}  // namespace standin::cli
