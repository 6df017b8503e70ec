#include "sink_cases.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "connectors/files/byte_stream.h"
#include "connectors/sqlite/sqlite_database.h"

namespace systole::testing {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

/// All rows of the published parts, sorted.
std::string parts_of(const std::string& folder) {
  std::vector<std::string> lines;
  const auto names = posix_file_system().list(folder).value();
  for (const std::string& name : names) {
    if (!name.starts_with("part-")) continue;
    std::shared_ptr<readable_file> file = posix_file_system().open(folder + "/" + name).value();
    const auto stream = open_byte_stream(file, packing_of(*file).value(), name).value();
    std::string text;
    char block[4096];
    while (const size_t got = stream->read(block, sizeof block).value()) text.append(block, got);
    std::stringstream each(text);
    for (std::string line; std::getline(each, line);)
      if (line != "id,name") lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

std::string database_of(const std::string& folder) {
  const auto database = sqlite_database::open(folder + "/t.sqlite").value();
  const auto query = database->prepare("SELECT id || ',' || name FROM results ORDER BY id, name").value();
  std::string all;
  while (query->step().value()) all += query->text(0) + "\n";
  return all;
}

}  // namespace

std::vector<sink_case> sink_cases() {
  using sink = proto::Sink;
  const auto files = [](int64_t roll_bytes, const char* format, const char* compression) {
    return [=](sink& made, const std::string& folder) {
      made.set_kind(sink::FILES);
      made.set_path(folder + "/out");
      made.set_format(format);
      made.set_compression(compression);
      made.set_roll_bytes(roll_bytes);
    };
  };
  const auto table = [](bool keyed, const char* compression) {
    return [=](sink& made, const std::string& folder) {
      made.set_kind(sink::TABLE_FILE);
      made.set_path(folder + "/out/table.csv");
      made.set_compression(compression);
      if (keyed) made.add_key("id");
    };
  };
  const auto sqlite = [](bool keyed) {
    return [=](sink& made, const std::string& folder) {
      made.set_kind(sink::SQLITE);
      made.set_path(folder + "/t.sqlite");
      made.set_table("results");
      made.set_write(keyed ? "upsert" : "append");
      if (keyed) made.add_key("id");
    };
  };
  const auto parts = [](const std::string& folder) { return parts_of(folder + "/out"); };
  const auto table_text = [](const std::string& folder) { return read_file(folder + "/out/table.csv"); };
  return {
      {"files_rolled_each_epoch", false, files(1, "json", ""), parts},
      {"files_rolled_at_the_end", false, files(1 << 20, "csv", "gzip"), parts},
      {"files_rolled_now_and_then", false, files(60, "json", "zstd"), parts},
      {"table_of_appended_rows", false, table(false, ""), table_text},
      {"table_with_key", true, table(true, ""), table_text, false},
      {"table_as_multiset", true, table(false, ""), table_text},
      {"sqlite_append", false, sqlite(false), database_of, true, false},
      {"sqlite_upsert", true, sqlite(true), database_of, false, false},
      {"collect", true,
       [](sink& made, const std::string& folder) {
         made.set_kind(sink::COLLECT);
         (*made.mutable_options())["out"] = folder + "/sums.json";
       },
       [](const std::string& folder) { return read_file(folder + "/sums.json"); }, false},
  };
}

}  // namespace systole::testing
