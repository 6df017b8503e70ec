#include <cstdio>

#include "app/commands.h"
#include "app/exit_code.h"
#include "base/file_system.h"
#include "control/api_tokens.h"

namespace systole {
namespace {

struct token_flags {
  std::string role;
  std::string name;
  std::string file;
};

result<void> append_line(const std::string& path, const std::string& line) {
  file_system& files = posix_file_system();
  SYSTOLE_ASSIGN(const bool there, files.exists(path));
  SYSTOLE_ASSIGN(auto file, there ? files.open_append(path) : files.create(path));
  SYSTOLE_TRY(file->append(line + "\n"));
  SYSTOLE_TRY(file->sync());
  return file->close();
}

int make(const token_flags& flags) {
  const auto made = make_api_token(*parse_api_role(flags.role), flags.name);
  if (!made) {
    std::fprintf(stderr, "systole token: %s\n", made.error().message.c_str());
    return exit_usage;
  }
  if (flags.file.empty()) {
    std::printf("token: %s\nline:  %s\n", made->token.c_str(), made->line.c_str());
    return exit_success;
  }
  if (const auto appended = append_line(flags.file, made->line); !appended) {
    std::fprintf(stderr, "systole token: %s\n", appended.error().message.c_str());
    return exit_negative;
  }
  std::printf("%s\n", made->token.c_str());
  return exit_success;
}

}  // namespace

void add_token_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("token", "Make a token for a cluster's API, and the line that lets it in");
  auto flags = std::make_shared<token_flags>();
  verb->add_option("ROLE", flags->role, "viewer, operator or admin")
      ->required()
      ->check(CLI::IsMember({"viewer", "operator", "admin"}));
  verb->add_option("NAME", flags->name, "Whose it is, for the log")->required();
  verb->add_option("--file", flags->file, "Append the line to this file of tokens, and print the token only");
  verb->footer(
      "The coordinator's file of tokens holds a digest of each token, not the token: it is shown here once.\n"
      "Examples:\n  systole token viewer dashboard\n  systole token operator anna --file tokens > anna.token");
  verb->callback([&chosen, flags] { chosen = [flags] { return make(*flags); }; });
}

}  // namespace systole
