// A job's dead letter, for people to look at: coordinator_shell reads where the job's sink publishes it.
#include <algorithm>
#include <set>
#include <utility>

#include "actors/background.h"
#include "actors/coordinator/coordinator_shell.h"
#include "connectors/files/dead_letter_files.h"

namespace systole {
namespace {

/// Where a plan's dead letter is, as far as it can be read.
struct dead_letter_place {
  std::string sink;
  std::string folder;
  std::set<std::string> sources;  ///< the plan's
};

result<dead_letter_place> place_of_dead_letter(const proto::PhysicalPlan& plan) {
  dead_letter_place made;
  const proto::Node* sink = nullptr;
  for (const proto::Node& node : plan.nodes()) {
    if (node.has_source()) made.sources.insert(node.step());
    if (node.id() == plan.errors().dead_letter_node()) sink = &node;
  }
  if (!sink)
    return fail(error_code::incompatible, "job " + plan.job() +
                                              " has no dead letter, it only counts what it rejects: name a sink in "
                                              "errorHandling.deadLetter");
  made.sink = sink->step();
  if (sink->sink().kind() == proto::Sink::KAFKA)
    return fail(error_code::incompatible, "the dead letter of job " + plan.job() + " is the Kafka topic " +
                                              sink->sink().kafka().topic() + ": read it with a Kafka client");
  if (sink->sink().kind() != proto::Sink::DEAD_LETTER_FILES)
    return fail(error_code::incompatible,
                "the dead letter of job " + plan.job() + " goes to sink " + made.sink + ", which keeps no files");
  made.folder = sink->sink().path();
  return made;
}

result<dead_letter_page> read_dead_letter(file_system& files, const dead_letter_place& place,
                                          const dead_letter_query& what) {
  SYSTOLE_ASSIGN(dead_letter_page page, read_dead_letter_files(files, place.folder, what));
  page.sink = place.sink;
  // A record that could not be decoded was rejected by its source; for later ones the source's name is the topic.
  for (dead_letter_entry& each : page.entries)
    each.source = place.sources.contains(each.step) ? each.step : place.sources.contains(each.topic) ? each.topic : "";
  return page;
}

}  // namespace

void coordinator_shell::dead_letter(const std::string& which, const dead_letter_query& what,
                                    answer<dead_letter_page> then) const {
  if (!control_) return then(not_leading());
  job_id id;
  const entry* const it = find(which, &id);
  if (!it) return then(unknown_job(which));
  if (!it->plan)
    return then(it->broken ? *it->broken : fail(error_code::unavailable, "job " + which + " is being opened"));
  auto place = place_of_dead_letter(*it->plan);
  if (!place) return then(std::move(place).error());
  in_background<result<dead_letter_page>>(
      self_->system(), poster(),
      [files = core_->components.files, place = std::move(*place), what] {
        return read_dead_letter(*files, place, what);
      },
      [then = std::move(then)](coordinator_shell&, result<dead_letter_page> page) { then(std::move(page)); });
}

}  // namespace systole
