#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <set>
#include <utility>

#include "app/cluster_client.h"
#include "app/command_output.h"
#include "app/commands.h"
#include "app/replay_output.h"
#include "formats/base64.h"
#include "http/target.h"

namespace systole {
namespace {

struct deadletter_flags : cluster_flags {
  std::string job, step, rule, after, source, file;
  uint64_t limit = 100;
  bool records = false;
  std::vector<std::string> entries;
};
constexpr uint64_t page_entries = 1000;

/// Asks for the entries page by page. `take` says whether to go on; what the last page said, or an answer that is not
/// ok. The id behind which more may follow is its `next`.
cluster_answer each_page(const char* verb, const deadletter_flags& flags, bool records, uint64_t most,
                         const std::function<bool(const json_value::array&)>& take) {
  std::string after = flags.after;
  while (true) {
    std::string path = job_path(flags.job, "/deadletter?limit=" + std::to_string(std::min(most, page_entries)));
    for (const auto& [name, value] :
         {std::pair<const char*, const std::string*>("after", &after), {"step", &flags.step}, {"rule", &flags.rule}})
      if (!value->empty()) path += std::string("&") + name + "=" + percent_encoded(*value);
    if (records) path += "&records=true";
    cluster_answer page = ask_or_tell(verb, flags, "GET", path);
    if (!page.ok()) return page;
    const json_value::array& entries = member_list(page.body, "entries");
    most -= std::min<uint64_t>(most, entries.size());
    after = member_text(page.body, "next");
    if (!take(entries) || most == 0 || after.empty()) return page;
  }
}

std::string entries_table(const json_value::array& entries, bool records) {
  text_table table(
      records ? std::vector<std::string>{"ENTRY", "STEP", "RULE", "SQLSTATE", "REASON", "RECORD"}
              : std::vector<std::string>{"ENTRY", "STEP", "RULE", "SQLSTATE", "SOURCE", "PARTITION", "OFFSET"});
  for (const json_value& each : entries) {
    std::vector<std::string> row;
    for (const char* name : {"id", "step", "rule", "sqlstate"}) row.push_back(member_text(each, name));
    if (records) {
      row.push_back(member_text(each, "reason"));
      const std::string raw = member_text(each, "raw");
      row.push_back(raw.empty() ? member_text(each, "rawBase64") : raw);
    } else {
      for (const char* name : {"source", "partition", "offset"}) row.push_back(member_text(each, name));
    }
    table.add(std::move(row));
  }
  return table.text();
}

int list(const deadletter_flags& flags) {
  json_value::array all;
  const cluster_answer last =
      each_page("deadletter list", flags, flags.records, flags.limit, [&](const json_value::array& entries) {
        all.insert(all.end(), entries.begin(), entries.end());
        return true;
      });
  if (!last.ok()) return last.code;
  const std::string next = member_text(last.body, "next");
  json_value::object told;
  for (const char* name : {"job", "sink"}) told.emplace_back(name, json_value(member_text(last.body, name)));
  told.emplace_back("entries", json_value(all));
  told.emplace_back("next", next.empty() ? json_value() : json_value(next));
  print_output(
      flags.output, json_value(std::move(told)), [&] { return entries_table(all, flags.records); },
      [&] {
        std::string names;
        for (const json_value& each : all) names += member_text(each, "id") + "\n";
        return names;
      });
  if (!next.empty() && flags.output == "table") std::fprintf(stderr, "there may be more: --after %s\n", next.c_str());
  return exit_success;
}

/// The records of entries, each once, into a file or to stdout.
class replay_run {
 public:
  replay_run(const deadletter_flags& flags, replay_output& output)
      : flags_(flags), output_(output), wanted_(flags.entries.begin(), flags.entries.end()) {}

  /// False where no further entry is wanted, or after a failure.
  bool take(const json_value::array& entries) {
    for (const json_value& each : entries)
      if (auto done = take(each); !done) {
        failed_ = std::move(done).error();
        return false;
      }
    return flags_.entries.empty() || !wanted_.empty();
  }
  const std::optional<failure>& failed() const { return failed_; }
  const std::set<std::string>& not_found() const { return wanted_; }

  std::string told() const {
    std::string made = flags_.job + ": " + std::to_string(written_) + " records" +
                       (source_ ? " of source " + *source_ : std::string()) + " are written";
    if (doubled_ > 0) made += "; " + std::to_string(doubled_) + " entries were of the same records";
    if (without_ > 0) made += "; " + std::to_string(without_) + " have no record, as a step made their rows";
    if (!last_.empty()) made += "; what is rejected later is behind --after " + last_;
    return made + "\n";
  }

 private:
  result<void> take(const json_value& entry) {
    const std::string id = member_text(entry, "id"), source = member_text(entry, "source");
    if (!flags_.entries.empty() && wanted_.erase(id) == 0) return {};
    if (!flags_.source.empty() && source != flags_.source) return {};
    last_ = id;
    const json_value* const text = entry.find("raw");
    const json_value* const packed = entry.find("rawBase64");
    std::optional<std::string> record;
    if (text && text->text()) record = *text->text();
    else if (packed && packed->text()) record = from_base64(*packed->text());
    if (!record) {
      ++without_;
      return {};
    }
    if (source_.value_or(source) != source)
      return fail(error_code::invalid_argument, "there are records of several sources, " + *source_ + " and " + source +
                                                    ": choose one with --source");
    source_ = source;
    // Two steps may have rejected the same record.
    if (member_text(entry, "offset") != "" &&
        !seen_
             .insert(member_text(entry, "topic") + "\n" + member_text(entry, "partition") + "\n" +
                     member_text(entry, "offset"))
             .second) {
      ++doubled_;
      return {};
    }
    ++written_;
    return output_.write(*record);
  }

  const deadletter_flags& flags_;
  replay_output& output_;
  std::set<std::string> wanted_;  ///< ids that were asked for and not seen yet
  std::set<std::string> seen_;    ///< places of records
  std::optional<std::string> source_;
  std::string last_;
  uint64_t written_ = 0, doubled_ = 0, without_ = 0;
  std::optional<failure> failed_;
};

int replay(const deadletter_flags& flags) {
  const auto refuse = [](const std::string& why) {
    std::fprintf(stderr, "systole deadletter replay: %s\n", why.c_str());
    return exit_negative;
  };
  auto output = replay_output::open(flags.file);
  if (!output) return refuse(output.error().message);
  replay_run run(flags, **output);
  const cluster_answer last = each_page("deadletter replay", flags, true, UINT64_MAX,
                                        [&](const json_value::array& entries) { return run.take(entries); });
  if (!last.ok()) return last.code;
  if (run.failed()) return refuse(run.failed()->message);
  if (!run.not_found().empty()) return refuse("there is no entry " + *run.not_found().begin());
  if (auto finished = (*output)->finish(); !finished) return refuse(finished.error().message);
  std::fputs(run.told().c_str(), stderr);
  return exit_success;
}

}  // namespace

void add_deadletter_command(CLI::App& root, command_action& chosen) {
  CLI::App* group = root.add_subcommand("deadletter", "List what a job has rejected, and write the records out again");
  group->require_subcommand(1);
  group->footer(
      "Examples:\n  systole deadletter list bed-occupancy --rule bad_event_type\n"
      "  systole deadletter replay bed-occupancy --rule bad_event_type --file in/replayed.ndjson");
  auto flags = std::make_shared<deadletter_flags>();
  const auto add = [&](const char* name, const char* what, int (*action)(const deadletter_flags&)) {
    CLI::App* verb = group->add_subcommand(name, what);
    verb->add_option("JOB", flags->job, "Its name or id")->required();
    verb->add_option("--step", flags->step, "Only what this step rejected");
    verb->add_option("--rule", flags->rule, "Only what this rule rejected");
    verb->add_option("--after", flags->after, "Only what is behind this entry");
    add_cluster_flags(*verb, *flags);
    verb->callback([&chosen, flags, action] { chosen = [flags, action] { return action(*flags); }; });
    return verb;
  };
  CLI::App* lists = add("list", "Show what a job has rejected: published entries of its dead letter", list);
  lists->add_option("--limit", flags->limit, "At most so many")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000}))
      ->capture_default_str();
  lists->add_flag("--records", flags->records, "The records, too: patients' data; the coordinator logs who looks");
  add_output_flag(*lists, flags->output);
  CLI::App* replays = add("replay", "Write rejected records as they came, each once and a line each", replay);
  replays->add_option("--source", flags->source, "Only what this source had read");
  replays->add_option("--entry", flags->entries, "Only this entry; may be given several times")
      ->allow_extra_args(false);
  replays->add_option(
      "--file", flags->file,
      "A new file, which appears when it is whole: in a folder that the job follows, it is read at once. "
      "Else standard output");
  replays->footer(
      "A record that is given to the source again goes through the whole job: steps that took it the first time see it "
      "twice. Entries stay in the dead letter: a second replay gives the same records again.\n\n"
      "Examples:\n  systole deadletter replay bed-occupancy --rule bad_event_type --file in/replayed.ndjson\n"
      "  systole deadletter replay bed-occupancy --source adt | kcat -P -b kafka-1:9092 -t dev.adt.v1");
}

}  // namespace systole
