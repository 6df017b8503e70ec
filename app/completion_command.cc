#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/exit_code.h"

namespace systole {
namespace {

/// The options of a verb, and of the verbs below it, each name once.
std::vector<std::pair<std::string, std::string>> options_of(const CLI::App& verb) {
  std::vector<std::pair<std::string, std::string>> made;
  std::vector<const CLI::App*> all = {&verb};
  for (const CLI::App* below : verb.get_subcommands({})) all.push_back(below);
  for (const CLI::App* each : all)
    for (const CLI::Option* option : each->get_options())
      for (const std::string& name : option->get_lnames()) {
        const auto same = [&](const auto& known) { return known.first == name; };
        if (std::none_of(made.begin(), made.end(), same)) made.emplace_back(name, option->get_description());
      }
  return made;
}

/// The flags of a verb, long form, separated by blanks.
std::string flags_of(const CLI::App& verb) {
  std::string flags;
  for (const auto& [name, description] : options_of(verb)) flags += (flags.empty() ? "--" : " --") + name;
  return flags;
}

/// The verbs below a verb, separated by blanks: "create list delete".
std::string verbs_below(const CLI::App& verb) {
  std::string verbs;
  for (const CLI::App* below : verb.get_subcommands({})) verbs += (verbs.empty() ? "" : " ") + below->get_name();
  return verbs;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string without_quotes(std::string text) {
  std::erase_if(text, [](char c) { return c == '\'' || c == '[' || c == ']' || c == ':'; });
  return text;
}

std::string bash_script(const CLI::App& root) {
  std::string verbs, cases;
  for (const CLI::App* verb : root.get_subcommands({})) {
    verbs += (verbs.empty() ? "" : " ") + verb->get_name();
    cases += "    " + verb->get_name() + ") flags=\"" + flags_of(*verb) + "\" below=\"" + verbs_below(*verb) + "\" ;;\n";
  }
  return "# bash completion for systole: source <(systole completion bash)\n"
         "_systole() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} flags= below=\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then COMPREPLY=($(compgen -W \"" + verbs + "\" -- \"$word\")); return; fi\n"
         "  case ${COMP_WORDS[1]} in\n" + cases + "  esac\n"
         "  if [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$below\" ]; then COMPREPLY=($(compgen -W \"$below\" -- \"$word\")); return; fi\n"
         "  case $word in\n"
         "    -*) COMPREPLY=($(compgen -W \"$flags\" -- \"$word\")) ;;\n"
         "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _systole systole\n";
}

std::string zsh_script(const CLI::App& root) {
  std::string verbs, cases;
  for (const CLI::App* verb : root.get_subcommands({})) {
    verbs += "    '" + verb->get_name() + ":" + without_quotes(first_line(verb->get_description())) + "'\n";
    const std::string below = verbs_below(*verb);
    cases += "    " + verb->get_name() + ") _arguments " + (below.empty() ? "" : "'1:verb:(" + below + ")' ") + "'*:file:_files'";
    for (const auto& [name, description] : options_of(*verb))
      cases += " '--" + name + "[" + without_quotes(first_line(description)) + "]'";
    cases += " ;;\n";
  }
  return "#compdef systole\n"
         "# zsh completion for systole: systole completion zsh > \"${fpath[1]}/_systole\"\n"
         "_systole() {\n"
         "  local -a verbs=(\n" + verbs + "  )\n"
         "  if (( CURRENT == 2 )); then _describe 'command' verbs; return; fi\n"
         "  local verb=$words[2]; shift words; (( CURRENT-- ))\n"
         "  case $verb in\n" + cases + "  esac\n"
         "}\n"
         "_systole \"$@\"\n";
}

std::string fish_script(const CLI::App& root) {
  std::string lines = "# fish completion for systole: systole completion fish > ~/.config/fish/completions/systole.fish\n";
  for (const CLI::App* verb : root.get_subcommands({})) {
    lines += "complete -c systole -n __fish_use_subcommand -a " + verb->get_name() + " -d '" +
             without_quotes(first_line(verb->get_description())) + "'\n";
    const std::string seen = "complete -c systole -n '__fish_seen_subcommand_from " + verb->get_name() + "' ";
    if (const std::string below = verbs_below(*verb); !below.empty()) lines += seen + "-a '" + below + "'\n";
    for (const auto& [name, description] : options_of(*verb))
      lines += seen + "-l " + name + " -d '" + without_quotes(first_line(description)) + "'\n";
  }
  return lines;
}

}  // namespace

void add_completion_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("completion", "Print the completion script of a shell");
  auto shell = std::make_shared<std::string>();
  verb->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb->footer("Example:\n  source <(systole completion bash)");
  verb->callback([&root, &chosen, shell] {
    chosen = [&root, shell] {
      const std::string script = *shell == "bash" ? bash_script(root) : *shell == "zsh" ? zsh_script(root) : fish_script(root);
      std::fputs(script.c_str(), stdout);
      return exit_success;
    };
  });
}

}  // namespace systole
