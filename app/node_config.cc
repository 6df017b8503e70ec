#include "app/node_config.h"

#include <algorithm>
#include <optional>

#include "base/file_system.h"
#include "base/limits.h"
#include "plan/diagnostic_codes.h"
#include "plan/yaml_node.h"

namespace systole {
namespace {

constexpr const char* config_name = "config";

/// As keys of manifests are written: drain-seconds is drainSeconds.
std::string key_of_flag(const std::string& flag) {
  std::string made;
  for (size_t i = 0; i < flag.size(); ++i) {
    if (flag[i] == '-' && i + 1 < flag.size()) made.push_back(static_cast<char>(std::toupper(flag[++i])));
    else made.push_back(flag[i]);
  }
  return made;
}

/// The verb's flags by their key in a file.
std::map<std::string, CLI::Option*> flags_by_key(CLI::App& verb) {
  std::map<std::string, CLI::Option*> made;
  for (CLI::Option* each : verb.get_options())
    for (const std::string& name : each->get_lnames())
      if (name != config_name && name != "help") made[key_of_flag(name)] = each;
  return made;
}

std::optional<std::string> config_path(const std::vector<std::string>& words) {
  const std::string flag = std::string("--") + config_name;
  std::optional<std::string> found;
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i] == flag && i + 1 < words.size()) found = words[i + 1];
    else if (words[i].starts_with(flag + "=")) found = words[i].substr(flag.size() + 1);
  }
  return found;
}

bool is_given(const std::vector<std::string>& words, const CLI::Option& option) {
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return std::any_of(option.get_lnames().begin(), option.get_lnames().end(), [&](const std::string& name) {
      return word == "--" + name || word.starts_with("--" + name + "=");
    });
  });
}

/// A file's settings as words of the command line.
class config_reader {
 public:
  config_reader(CLI::App& verb, manifest_source source, configured_words& into)
      : known_(flags_by_key(verb)), source_(std::move(source)), into_(into), given_(into.words) {}

  void read() {
    const std::vector<yaml_node> documents = parse_yaml(source_, 0, problems_);
    if (!problems_.has_errors()) read(documents);
    if (problems_.has_errors()) into_.problems = render_diagnostics(problems_.sorted(), {source_});
  }

 private:
  void read(const std::vector<yaml_node>& documents) {
    if (documents.empty() || (documents.size() == 1 && documents[0].what == yaml_node::kind::null)) return;
    if (documents.size() > 1)
      return problems_.error(codes::wrong_kind, documents[1].at, "one document is wanted, with the process's settings");
    if (!documents[0].is_map())
      return problems_.error(codes::wrong_kind, documents[0].at, "a mapping of settings is wanted, as  slots: 4");
    for (const yaml_node::entry& each : documents[0].entries) read(each);
  }

  void read(const yaml_node::entry& setting) {
    const auto found = known_.find(setting.key);
    if (found == known_.end()) {
      std::vector<std::string> keys;
      for (const auto& [key, option] : known_)
        if (!option->get_group().empty()) keys.push_back(key);
      return problems_.error(codes::unknown_key, setting.at, "unknown key: " + setting.key,
                             "keys are the flags of --help: --drain-seconds is drainSeconds",
                             nearest_names(key_of_flag(setting.key), keys));
    }
    const CLI::Option& option = *found->second;
    const std::string flag = "--" + option.get_lnames().front();
    const line_column at = line_column_of(source_.text, setting.at.offset);
    if (is_given(given_, option)) return;
    into_.written_at[flag] = source_.path + ":" + std::to_string(at.line);
    if (option.get_items_expected_max() == 0) return read_switch(flag, setting);
    if (setting.value.is_scalar()) return add(flag, setting.value);
    if (setting.value.is_sequence() && option.get_items_expected_max() > 1) {
      for (const yaml_node& item : setting.value.items) {
        if (item.is_scalar()) add(flag, item);
        else problems_.error(codes::wrong_kind, item.at, setting.key + " is a list of texts");
      }
      return;
    }
    problems_.error(codes::wrong_kind, setting.value.at,
                    setting.key + " is one value, not " + std::string(kind_name(setting.value)));
  }

  void read_switch(const std::string& flag, const yaml_node::entry& setting) {
    if (setting.value.is_scalar() && setting.value.plain && setting.value.text == "true") into_.words.push_back(flag);
    else if (!setting.value.is_scalar() || !setting.value.plain || setting.value.text != "false")
      problems_.error(codes::wrong_scalar, setting.value.at, setting.key + " is true or false");
  }

  void add(const std::string& flag, const yaml_node& value) { into_.words.push_back(flag + "=" + value.text); }

  const std::map<std::string, CLI::Option*> known_;
  const manifest_source source_;
  configured_words& into_;
  const std::vector<std::string> given_;
  diagnostics problems_;
};

}  // namespace

void add_config_flag(CLI::App& verb) {
  verb.add_option(std::string("--") + config_name,
                  "YAML file of these flags, as  drainSeconds: 60; a flag that is given here replaces the file's")
      ->type_name("FILE")
      ->expected(1);
}

configured_words with_config_file(CLI::App& root, std::vector<std::string> words) {
  configured_words made{std::move(words), {}, {}};
  if (made.words.empty()) return made;
  const auto verbs = root.get_subcommands([&](CLI::App* each) { return each->get_name() == made.words.front(); });
  if (verbs.empty() || !verbs.front()->get_option_no_throw(std::string("--") + config_name)) return made;
  const auto path = config_path(made.words);
  if (!path) return made;
  auto text = posix_file_system().read_all(*path, limits::manifest_bytes);
  if (!text) {
    made.problems = "systole " + made.words.front() + ": --config: " + text.error().message + "\n";
    return made;
  }
  config_reader(*verbs.front(), {*path, std::move(*text)}, made).read();
  return made;
}

std::string place_of_problem(const configured_words& given, const std::string& message) {
  for (const auto& [flag, place] : given.written_at)
    if (message.starts_with(flag + ":") || message.starts_with(flag + " ")) return place + ": " + message;
  return message;
}

}  // namespace systole
