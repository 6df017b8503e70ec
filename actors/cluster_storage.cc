#include "actors/cluster_storage.h"

#include <charconv>
#include <utility>

#include "base/hexadecimal.h"
#include "base/limits.h"
#include "s3/location.h"

namespace systole {
namespace {

constexpr size_t most_definition_bytes = 64 * limits::mebibyte;

std::optional<job_id> parse_job_id(const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 16 || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return job_id(value);
}

}  // namespace

std::string job_id_text(job_id job) {
  std::string made(16, '0');
  for (size_t i = 0; i < made.size(); ++i) made[i] = hex_digits[(job.value >> (60 - 4 * i)) & 15];
  return made;
}

std::string cluster_storage::folder(job_id job) const { return directory_ + "/jobs/" + job_id_text(job); }

result<void> cluster_storage::open() { return components_.files->create_directories(directory_ + "/jobs"); }

result<std::unique_ptr<checkpoint_store>> cluster_storage::open_cluster_log() const {
  return components_.open_store(*components_.files, directory_ + "/cluster", "cluster");
}

result<std::vector<proto::JobDefinition>> cluster_storage::jobs() const {
  file_system& files = *components_.files;
  std::vector<proto::JobDefinition> found;
  SYSTOLE_ASSIGN(const std::vector<std::string> names, files.list(directory_ + "/jobs"));
  for (const std::string& name : names) {
    const auto id = parse_job_id(name);
    if (!id) continue;
    const std::string path = folder(*id) + "/definition";
    SYSTOLE_ASSIGN(const bool there, files.exists(path));
    if (!there) continue;  // its submission was cut off, or its removal
    SYSTOLE_ASSIGN(const std::string bytes, files.read_all(path, most_definition_bytes));
    proto::JobDefinition definition;
    if (!definition.ParseFromString(bytes) || definition.id() != id->value)
      return fail(error_code::corrupt, "a job's definition cannot be read: " + path);
    found.push_back(std::move(definition));
  }
  return found;
}

result<void> cluster_storage::add_job(const proto::JobDefinition& definition) const {
  const job_id id(definition.id());
  SYSTOLE_TRY(components_.files->create_directories(folder(id)));
  SYSTOLE_TRY(components_.files->create_directories(outbox(id)));
  return write_file_durably(*components_.files, folder(id) + "/definition", definition.SerializeAsString());
}

result<void> cluster_storage::remove_job(job_id job) const {
  // The definition first: without it there is no job, whatever is left.
  SYSTOLE_TRY(components_.files->remove(folder(job) + "/definition"));
  SYSTOLE_TRY(components_.files->sync_directory(folder(job)));
  if (!checkpoints_.empty()) {
    SYSTOLE_ASSIGN(const auto store, open_checkpoints(job, ""));
    SYSTOLE_TRY(store->clear());
  }
  return components_.files->remove_all(folder(job));
}

result<void> cluster_storage::put_plan(job_id job, uint32_t parallelism, const proto::PhysicalPlan& plan) const {
  return write_file_durably(*components_.files, folder(job) + "/plan-" + std::to_string(parallelism),
                            plan.SerializeAsString());
}

result<proto::PhysicalPlan> cluster_storage::read_plan(job_id job, uint32_t parallelism) const {
  const std::string path = folder(job) + "/plan-" + std::to_string(parallelism);
  SYSTOLE_ASSIGN(const std::string bytes, components_.files->read_all(path, most_definition_bytes));
  proto::PhysicalPlan plan;
  if (!plan.ParseFromString(bytes)) return fail(error_code::corrupt, "a job's plan cannot be read: " + path);
  return plan;
}

std::string cluster_storage::checkpoints_of(job_id job) const {
  return checkpoints_.empty() ? folder(job) + "/checkpoints" : s3_url_below(checkpoints_, "jobs/" + job_id_text(job));
}

result<std::unique_ptr<checkpoint_store>> cluster_storage::open_checkpoints(job_id job, const std::string& name) const {
  return components_.open_store(*components_.files, checkpoints_of(job), name);
}

compile_result compile_job(const proto::JobDefinition& definition, uint32_t parallelism) {
  std::vector<manifest_source> files;
  for (const auto& each : definition.files()) files.push_back({each.name(), each.text()});
  compile_options options;
  for (const auto& [name, value] : definition.parameters()) options.parameters[name] = value;
  const uint32_t at = parallelism > 0 ? parallelism : definition.parallelism();
  if (at > 0) options.parallelism = at;
  options.base_directory = definition.directory();
  return compile(files, options);
}

}  // namespace systole
