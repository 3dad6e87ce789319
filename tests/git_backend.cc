#include "tests/git_backend.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>

namespace standin::test {
namespace {

/// The environment of RFC 3875 4.1, as far as git reads it.
std::vector<std::string> cgi_variables(const Received& request, const std::filesystem::path& root) {
  const std::string path = request.path();
  const std::string query =
      path.size() < request.target().size() ? request.target().substr(path.size() + 1) : "";
  return {"PATH=" + std::string(::getenv("PATH")),
          "GIT_PROJECT_ROOT=" + root.string(),
          "GIT_HTTP_EXPORT_ALL=1",
          "GIT_CONFIG_COUNT=1",
          "GIT_CONFIG_KEY_0=safe.directory",
          "GIT_CONFIG_VALUE_0=*",
          "REMOTE_USER=test",
          "REQUEST_METHOD=" + request.method(),
          "PATH_INFO=" + path,
          "QUERY_STRING=" + query,
          "CONTENT_TYPE=" + request.field("content-type").value_or(""),
          "CONTENT_LENGTH=" + std::to_string(request.body.bytes.size()),
          "HTTP_CONTENT_ENCODING=" + request.field("content-encoding").value_or(""),
          "GIT_PROTOCOL=" + request.field("git-protocol").value_or("")};
}

std::string run_backend(std::vector<std::string> variables, const std::string& input) {
  const std::unique_ptr<std::FILE, decltype(&std::fclose)> body(std::tmpfile(), std::fclose);
  std::fwrite(input.data(), 1, input.size(), body.get());
  std::rewind(body.get());
  std::array<int, 2> output{};
  if (::pipe2(output.data(), O_CLOEXEC) != 0) throw StreamError("cannot make a pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ::fileno(body.get()), 0);
  posix_spawn_file_actions_adddup2(&actions, output[1], 1);
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  std::string git = "git", backend = "http-backend";
  std::array<char*, 3> arguments{git.data(), backend.data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, "git", &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(output[1]);
  std::string all;
  std::array<char, 65536> piece;
  for (ssize_t n = 0; error == 0 && (n = ::read(output[0], piece.data(), piece.size())) > 0;)
    all.append(piece.data(), static_cast<std::size_t>(n));
  ::close(output[0]);
  if (error != 0) throw StreamError("cannot start git http-backend");
  ::waitpid(child, nullptr, 0);
  return all;
}

}  // namespace

Reply git_http_backend(const Received& request, const std::filesystem::path& root) {
  if (!request.field("authorization").value_or("").starts_with("Basic "))
    return Reply::body(401, "who are you?\n", {{"WWW-Authenticate", "Basic realm=\"git\""}});
  const std::string output = run_backend(cgi_variables(request, root), request.body.bytes);
  const auto end = output.find("\r\n\r\n");
  if (end == std::string::npos) return Reply::body(500, "git http-backend said nothing\n");
  // The CGI head has no start line; any will do to read its fields.
  Fields fields = Head::parse("CGI\r\n" + output.substr(0, end + 4)).fields;
  const unsigned status = static_cast<unsigned>(std::stoul(find_field(fields, "status").value_or("200")));
  std::erase_if(fields, [](const auto& field) { return field.first == "Status"; });
  return Reply::body(status, output.substr(end + 4), fields);
}

}  // namespace standin::test
