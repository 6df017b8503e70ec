#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

namespace systole {

/// Gives a verb `--config FILE`: a YAML mapping of the verb's flags, `drainSeconds: 60` for `--drain-seconds 60`.
void add_config_flag(CLI::App& verb);

/// A command line to which a --config file's settings were added.
struct configured_words {
  std::vector<std::string> words;
  /// Where a flag's value was written, "worker.yaml:3", for those that came from the file.
  std::map<std::string, std::string> written_at;
  /// What is wrong with the file, with places; then nothing else counts.
  std::string problems;
};

/// Reads the --config file of the verb that `words` begin with, if it takes one and it is given. A flag on the command
/// line replaces the file's. Values are checked where all flags are, by the parser.
configured_words with_config_file(CLI::App& root, std::vector<std::string> words);

/// A parser's message about a flag, with the place in the file where it stands.
std::string place_of_problem(const configured_words& given, const std::string& message);

}  // namespace systole
