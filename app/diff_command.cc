#include <cstdio>

#include "app/command_output.h"
#include "app/commands.h"
#include "app/submission_input.h"

namespace systole {
namespace {

struct diff_flags : submission_flags {
  std::string job;
};

bool has(const json_value::array& names, const std::string& step) {
  for (const json_value& each : names)
    if (each.text() && *each.text() == step) return true;
  return false;
}

/// What of a list of objects is about a step: "2 state tables".
std::string about(const json_value::array& all, const std::string& step, std::string_view member) {
  for (const json_value& each : all)
    if (member_text(each, "step") == step) return member_text(each, member);
  return {};
}

std::string told(const json_value& difference) {
  const json_value* const state = difference.find("state");
  const json_value nothing;
  const json_value& saved = state ? *state : nothing;
  text_table table({"STEP", "CHANGE", "STATE"});
  const auto& dropped = member_list(saved, "dropped");
  const auto& misfits = member_list(saved, "incompatible");
  for (const json_value& each : member_list(difference, "steps")) {
    const std::string step = member_text(each, "step");
    std::string becomes;
    if (has(member_list(saved, "kept"), step)) becomes = "kept";
    if (has(member_list(saved, "new"), step)) becomes = "new";
    if (const std::string holds = about(dropped, step, "holds"); !holds.empty()) becomes = "dropped: " + holds;
    if (const std::string why = about(misfits, step, "why"); !why.empty()) becomes = "incompatible: " + why;
    table.add({step, member_text(each, "change"), becomes});
  }
  // Steps that the state knows and neither manifest.
  for (const json_value& each : dropped) {
    const std::string step = member_text(each, "step");
    if (about(member_list(difference, "steps"), step, "step").empty())
      table.add({step, "removed", "dropped: " + member_text(each, "holds")});
  }
  std::string out = table.text();
  const std::string epoch = member_text(difference, "epoch");
  out += epoch.empty() ? "\nThe job has no checkpoint.\n" : "\nState is that of checkpoint " + epoch + ".\n";
  return out;
}

int diff(const diff_flags& flags) {
  const auto body = submission_body(flags, {});
  if (!body) {
    std::fprintf(stderr, "systole diff: %s\n", body.error().message.c_str());
    return exit_negative;
  }
  const cluster_answer answer = ask_or_tell("diff", flags, "POST", job_path(flags.job, "/diff"), &*body);
  if (!answer.ok()) return answer.code;
  for (const json_value& each : member_list(answer.body, "problems"))
    if (each.text()) std::fprintf(stderr, "%s\n", each.text()->c_str());
  print_output(
      flags.output, answer.body, [&] { return told(answer.body); },
      [&] {
        std::string changed;
        for (const json_value& each : member_list(answer.body, "steps"))
          if (member_text(each, "change") != "same") changed += member_text(each, "step") + "\n";
        return changed;
      });
  std::fflush(stdout);
  const json_value* const state = answer.body.find("state");
  const std::string refusal = state ? member_text(*state, "refusal") : std::string();
  if (refusal.empty()) return exit_success;
  std::fprintf(stderr, "systole diff: %s\n", refusal.c_str());
  return exit_negative;
}

}  // namespace

void add_diff_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb =
      root.add_subcommand("diff", "Show what a manifest would change in a job, and what happens to its state");
  auto flags = std::make_shared<diff_flags>();
  verb->add_option("JOB", flags->job, "Its name or id")->required();
  add_submission_flags(*verb, *flags);
  add_output_flag(*verb, flags->output);
  add_cluster_flags(*verb, *flags);
  verb->footer(
      "The exit status is 1 where the job could not go on with the manifest.\n\n"
      "Examples:\n"
      "  systole diff bed-occupancy job.yaml connections.yaml --param env=prod");
  verb->callback([&chosen, flags] { chosen = [flags] { return diff(*flags); }; });
}

}  // namespace systole
