// What a placed_store removes, and when.
#include <algorithm>

#include "state/store/placed_store.h"

namespace systole {
namespace {

/// The store's own: outboxes are their sinks' to remove.
void add_files(const proto::CheckpointMetadata& metadata, std::set<std::string>& names) {
  for (const proto::TaskSnapshot& task : metadata.tasks()) {
    for (const proto::FileReference& file : task.keyed_state().base()) names.insert(file.name());
    for (const proto::FileReference& file : task.keyed_state().deltas()) names.insert(file.name());
  }
}

}  // namespace

result<std::set<std::string>> placed_store::names_in(const std::vector<proto::FileReference>& metadata) {
  std::set<std::string> names;
  for (const proto::FileReference& file : metadata) {
    SYSTOLE_ASSIGN(const proto::CheckpointMetadata epoch, read_metadata(file));
    names.insert(file.name());
    add_files(epoch, names);
  }
  return names;
}

result<bool> placed_store::is_there(const proto::FileReference& metadata) {
  {
    const std::lock_guard lock(mutex_);
    if (gone_.contains(metadata.name())) return false;
  }
  SYSTOLE_ASSIGN(const bool there, place_->exists("metadata/" + metadata.name()));
  if (!there) {
    const std::lock_guard lock(mutex_);
    gone_.insert(metadata.name());
  }
  return there;
}

result<void> placed_store::collect_garbage(uint32_t retained) {
  SYSTOLE_ASSIGN(const std::vector<proto::LogRecord> log, read_log());
  std::vector<proto::FileReference> complete;
  std::vector<proto::FileReference> keep;  // savepoints, whatever their age
  const auto add = [&](const proto::LogRecord::Completed& epoch) {
    (epoch.savepoint() ? keep : complete).push_back(epoch.metadata());
  };
  for (const proto::LogRecord& record : log) {
    if (record.has_completed()) add(record.completed());
    if (record.has_base() && &record == &log.front())
      for (const proto::LogRecord::Completed& epoch : record.base().completed()) add(epoch);
  }
  const size_t kept = std::min<size_t>(std::max<uint32_t>(retained, 1), complete.size());
  for (size_t i = complete.size() - kept; i < complete.size(); ++i) {
    SYSTOLE_ASSIGN(const bool there, is_there(complete[i]));
    if (there) keep.push_back(complete[i]);  // one that is not was removed when fewer were to be retained
  }
  // A damaged kept epoch fails here: then nothing is removed, since it may name anything.
  SYSTOLE_ASSIGN(const std::set<std::string> needed, names_in(keep));

  std::vector<proto::FileReference> older;
  for (size_t i = 0; i + kept < complete.size(); ++i) {
    SYSTOLE_ASSIGN(const bool there, is_there(complete[i]));
    if (there) older.push_back(complete[i]);
  }

  std::set<std::string> unneeded_files;
  std::set<std::string> unneeded_metadata;
  const std::lock_guard lock(mutex_);
  // Of epochs that the log names no more nobody asks again.
  std::set<std::string> named;
  for (const proto::FileReference& epoch : complete) named.insert(epoch.name());
  std::erase_if(gone_, [&](const std::string& name) { return !named.contains(name); });
  for (const std::string& name : needed) fresh_.erase(name);
  const auto unneeded = [&](const std::string& name) { return !needed.contains(name) && !fresh_.contains(name); };
  for (const proto::FileReference& epoch : older) {
    // What a damaged old epoch names is left behind until the store is opened again; removing it is not worth an error.
    if (auto names = names_in({epoch})) {
      std::copy_if(names->begin(), names->end(), std::inserter(unneeded_files, unneeded_files.end()), unneeded);
    }
    if (unneeded(epoch.name())) unneeded_metadata.insert(epoch.name());
  }
  if (completed_here_) {
    std::copy_if(old_files_.begin(), old_files_.end(), std::inserter(unneeded_files, unneeded_files.end()), unneeded);
    std::copy_if(old_metadata_.begin(), old_metadata_.end(), std::inserter(unneeded_metadata, unneeded_metadata.end()), unneeded);
    old_files_.clear();
    old_metadata_.clear();
  }
  // Files first: metadata that is still there leads the next collection to what this one did not remove.
  for (const std::string& name : unneeded_files) SYSTOLE_TRY(place_->remove("files/" + name));
  for (const std::string& name : unneeded_metadata) {
    SYSTOLE_TRY(place_->remove("metadata/" + name));
    gone_.insert(name);
  }
  return log_.trim();
}

result<void> placed_store::clear() {
  // The log last: as long as it is there, what it names can be looked for again.
  for (const char* folder : {"files", "metadata", "log"}) {
    SYSTOLE_ASSIGN(const std::vector<std::string> names, place_->list(folder));
    for (const std::string& name : names) SYSTOLE_TRY(place_->remove(std::string(folder) + "/" + name));
    SYSTOLE_TRY(place_->settle(folder));
  }
  return {};
}

}  // namespace systole
